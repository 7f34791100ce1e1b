namespace Relay.Node.Configuration;

/// <summary>
/// Everything a node can be told, as it was told: immutable, complete and checked. One record per room; each asks for its own keys in its
/// <c>Read</c>, where key, kind, default and meaning stand in one line (see <see cref="SettingReader"/>).
/// </summary>
public sealed record RelayOptions
{
    /// <summary>Where the node listens; those turned off are left out.</summary>
    public IReadOnlyList<ListenerOptions> Listeners { get; init; } = [];

    /// <summary>The Redis it talks to.</summary>
    public RedisSection Redis { get; init; } = new();

    /// <summary>The PostgreSQL it talks to.</summary>
    public PostgresSection Postgres { get; init; } = new();

    /// <summary>History and idempotency per namespace, by its name; see <see cref="NamespaceOptions.Names"/>.</summary>
    public IReadOnlyDictionary<string, NamespaceOptions> Namespaces { get; init; } = NamespaceOptions.Defaults;

    /// <summary>Limits and keep-alive per client family, by its name; see <see cref="DialectOptions.Names"/>.</summary>
    public IReadOnlyDictionary<string, DialectOptions> Dialects { get; init; } = DialectOptions.Defaults;

    /// <summary>Who may enter.</summary>
    public AuthOptions Auth { get; init; } = new();

    /// <summary>The proxies in front.</summary>
    public ProxyOptions Proxies { get; init; } = new();

    /// <summary>Bounds per node and per connection.</summary>
    public LimitOptions Limits { get; init; } = new();

    /// <summary>How the program uses its machine.</summary>
    public ServerOptions Server { get; init; } = new();

    /// <summary>How changed files are noticed.</summary>
    public ReloadOptions Reload { get; init; } = new();

    /// <summary>The embedded journal.</summary>
    public StorageOptions Storage { get; init; } = new();

    /// <summary>permessage-deflate.</summary>
    public CompressionOptions Compression { get; init; } = new();

    /// <summary>Sessions of the agent chat UI.</summary>
    public WebUiOptions WebUi { get; init; } = new();

    /// <summary>Who answers chat messages.</summary>
    public AgentOptions Agents { get; init; } = new();

    /// <summary>The events on channel <c>metrics</c>.</summary>
    public MetricsOptions Metrics { get; init; } = new();

    /// <summary>The page for people.</summary>
    public DashboardOptions Dashboard { get; init; } = new();

    /// <summary>What is sent over OTLP.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();

    /// <summary>What is remembered for operators.</summary>
    public ExplainOptions Explain { get; init; } = new();

    /// <summary>How a node leaves.</summary>
    public DrainOptions Drain { get; init; } = new();

    /// <summary>What conformance suites need; off in production.</summary>
    public TestingOptions Testing { get; init; } = new();

    /// <summary>This node among others.</summary>
    public ClusterOptions Cluster { get; init; } = new();

    /// <summary>Reads all keys; mistakes are in <paramref name="reader"/> afterwards.</summary>
    internal static RelayOptions Read(SettingReader reader, string? contextPort, string? contextHost)
    {
        var options = ReadAll(reader, contextPort, contextHost);
        return options with { Namespaces = options.Cluster.Complete(options.Namespaces, reader) };
    }

    private static RelayOptions ReadAll(SettingReader reader, string? contextPort, string? contextHost) => new()
    {
        Listeners = ListenerOptions.ReadAll(reader, contextPort, contextHost),
        Redis = RedisSection.Read(reader),
        Postgres = PostgresSection.Read(reader),
        Namespaces = reader.ReadNamed("Namespaces", "{ns}", NamespaceOptions.Names, open: false, NamespaceOptions.Read),
        Dialects = reader.ReadNamed("Dialects", "{dialect}", DialectOptions.Names, open: false, DialectOptions.Read),
        Auth = AuthOptions.Read(reader),
        Proxies = ProxyOptions.Read(reader),
        Limits = LimitOptions.Read(reader),
        Server = ServerOptions.Read(reader),
        Reload = ReloadOptions.Read(reader),
        Storage = StorageOptions.Read(reader),
        Compression = CompressionOptions.Read(reader),
        WebUi = WebUiOptions.Read(reader),
        Agents = AgentOptions.Read(reader),
        Metrics = MetricsOptions.Read(reader),
        Dashboard = DashboardOptions.Read(reader),
        Telemetry = TelemetryOptions.Read(reader),
        Explain = ExplainOptions.Read(reader),
        Drain = DrainOptions.Read(reader),
        Testing = TestingOptions.Read(reader),
        Cluster = ClusterOptions.Read(reader),
    };
}
