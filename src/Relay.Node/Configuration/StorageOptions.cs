using Relay.Actors.Channels;

namespace Relay.Node.Configuration;

/// <summary>The embedded journal, for namespaces with durability sql where there is no PostgreSQL.</summary>
public sealed record StorageOptions
{
    /// <summary>Folder of its files.</summary>
    public string Path { get; init; } = "data";

    /// <summary>Whether a damaged record is dropped with everything behind it.</summary>
    public bool DropDamagedTails { get; init; }

    internal static StorageOptions Read(SettingReader reader)
    {
        var usual = new StorageOptions();
        return new StorageOptions
        {
            Path = reader.Read("Storage:Path", Kinds.Text.Called("path", "data").Unless(path => path.Trim().Length > 0 ? null : "must not be empty"), usual.Path, "Folder of the embedded journal (SQLite), for namespaces with durability sql where Postgres:Connection is not set; made when missing."),
            DropDamagedTails = reader.Read("Storage:DropDamagedTails", Kinds.Flag, usual.DropDamagedTails, "true: a damaged record does not stop the start; it and everything behind it in its channel is dropped, and the channel begins a new epoch."),
        };
    }

    internal static void Check(SettingReader reader, RelayOptions options)
    {
        foreach (var (name, durable) in options.Namespaces)
        {
            if (durable.Durability == Durability.Redis && options.Redis.Connection is null && !options.Cluster.Enabled)
            {
                reader.Problem("Redis:Endpoints", null, $"Namespaces:{name}:Durability=redis needs a Redis", "127.0.0.1:6379");
            }
        }
    }
}
