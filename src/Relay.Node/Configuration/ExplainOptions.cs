namespace Relay.Node.Configuration;

/// <summary>What a node remembers, to explain it to its operators.</summary>
public sealed record ExplainOptions
{
    /// <summary>For deliveries; 0 = none is explained.</summary>
    public int Bytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Acts of operators.</summary>
    public int AuditEntries { get; init; } = 1000;

    internal static ExplainOptions Read(SettingReader reader)
    {
        var usual = new ExplainOptions();
        return new ExplainOptions
        {
            Bytes = reader.Read("Explain:Bytes", Kinds.Size(0, 1 << 30), usual.Bytes, "Memory in which this node remembers deliveries, so that GET /api/v1/explain can tell what became of an event; the oldest go first. 0 = nothing is remembered."),
            AuditEntries = reader.Read("Explain:AuditEntries", Kinds.Count(0, 1_000_000), usual.AuditEntries, "Acts of operators that this node shows at GET /api/v1/audit; each is logged besides, under the category Relay.Audit."),
        };
    }
}
