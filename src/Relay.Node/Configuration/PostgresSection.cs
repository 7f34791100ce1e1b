using Npgsql;

namespace Relay.Node.Configuration;

/// <summary>The PostgreSQL a node talks to: the database bridge of protocols.md.</summary>
public sealed record PostgresSection
{
    /// <summary>Npgsql connection string; empty without PostgreSQL.</summary>
    public Secret Connection { get; init; } = Secret.None;

    /// <summary>Channel of LISTEN.</summary>
    public string NotifyChannel { get; init; } = "dcm_events";

    /// <summary>Outbox table, with or without its schema.</summary>
    public string Outbox { get; init; } = "relay_outbox";

    /// <summary>Failed tries that move a row to the dead ones.</summary>
    public int MaxTries { get; init; } = 5;

    private const int MostBytes = 63;

    /// <summary>Room for what the bridge appends to the table's name for its own objects.</summary>
    private const int MostOutboxBytes = 56;

    internal static PostgresSection Read(SettingReader reader)
    {
        var usual = new PostgresSection();
        return new PostgresSection
        {
            Connection = reader.Read(
                "Postgres:Connection",
                (Kinds.Secret with { Example = "Host=127.0.0.1;Database=relay;Username=relay" }).Unless(Objection),
                usual.Connection,
                "Npgsql connection string for the database bridge; empty = no PostgreSQL."),
            NotifyChannel = reader.Read(
                "Postgres:Bridge:NotifyChannel", Identifier("dcm_events", dots: 0), usual.NotifyChannel, "Channel the bridge LISTENs on."),
            Outbox = reader.Read(
                "Postgres:Bridge:Outbox", Identifier("relay_outbox", dots: 1, most: MostOutboxBytes), usual.Outbox, "Table the bridge drains, as table or schema.table."),
            MaxTries = reader.Read("Postgres:Bridge:MaxTries", Kinds.Count(1, 1000), usual.MaxTries, "Failed tries that move a row to the table of dead rows; one with an invalid channel or event needs one."),
        };
    }

    /// <summary>Npgsql's own text is not passed on: it quotes parts of the connection string, which may be the password.</summary>
    private static string? Objection(Secret connection)
    {
        if (connection.IsEmpty)
        {
            return null;
        }

        try
        {
            var parsed = new NpgsqlConnectionStringBuilder(connection.Reveal());
            return string.IsNullOrWhiteSpace(parsed.Host) ? "names no Host" : null;
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException or InvalidOperationException or NotSupportedException)
        {
            return "not an Npgsql connection string";
        }
    }

    /// <summary>PostgreSQL's unquoted identifiers, at most 63 bytes each, so that they need no quoting in SQL.</summary>
    private static ValueKind<string> Identifier(string example, int dots, int most = MostBytes) => Kinds.Text.Called("identifier", example).Unless(text =>
    {
        var parts = text.Split('.');
        return parts.Length <= dots + 1 && parts.All(IsIdentifier) && parts[^1].Length <= most ? null : $"not an identifier of a-z, 0-9 and _ (at most {most})";
    });

    private static bool IsIdentifier(string part) =>
        part.Length is > 0 and <= MostBytes && !char.IsAsciiDigit(part[0]) && part.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
}
