namespace Relay.Testing;

/// <summary>A folder under the system's temporary folder, removed with all it holds when disposed.</summary>
public sealed class TempFolder : IDisposable
{
    public TempFolder(string prefix = "relay-test-")
    {
        Path = Directory.CreateTempSubdirectory(prefix).FullName;
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        if (Directory.Exists(Path))
            Directory.Delete(Path, recursive: true);
    }
}
