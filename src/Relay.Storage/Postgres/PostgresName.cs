namespace Relay.Storage.Postgres;

/// <summary>
/// The name of a table from configuration, <c>table</c> or <c>schema.table</c>, and what is derived from it. Identifiers cannot be parameters of SQL, so they are
/// quoted here and nowhere else.
/// </summary>
internal sealed record PostgresName
{
    // NAMEDATALEN - 1. PostgreSQL cuts longer names without a word, and a cut name_dead would be name again.
    private const int MaxBytes = 63;

    private const string LongestSuffix = "_notify";

    private PostgresName(string? schema, string table)
    {
        Schema = schema;
        Table = table;
    }

    public string? Schema { get; }

    public string Table { get; }

    /// <summary>Quoted, for SQL.</summary>
    public string Sql => Schema is null ? Quote(Table) : $"{Quote(Schema)}.{Quote(Table)}";

    /// <summary>The name of something beside the table, in its schema.</summary>
    public PostgresName With(string suffix) => new(Schema, Table + suffix);

    /// <exception cref="ArgumentException">Not one or two parts, or too long for what is derived from it.</exception>
    public static PostgresName Parse(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        var parts = text.Split('.');
        if (parts.Length > 2 || parts.Any(static part => part.Length == 0))
        {
            throw new ArgumentException($"'{text}' is neither table nor schema.table (Relay:Postgres:Bridge:Outbox).", nameof(text));
        }

        if (System.Text.Encoding.UTF8.GetByteCount(parts[^1]) > MaxBytes - LongestSuffix.Length)
        {
            throw new ArgumentException($"the table name '{parts[^1]}' is longer than {MaxBytes - LongestSuffix.Length} bytes (Relay:Postgres:Bridge:Outbox).", nameof(text));
        }

        return new PostgresName(parts.Length == 2 ? parts[0] : null, parts[^1]);
    }

    public static string Quote(string identifier) => "\"" + identifier.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    public override string ToString() => Schema is null ? Table : $"{Schema}.{Table}";
}
