namespace Relay.Protocol;

/// <summary>Every dialect with its default profile, and the way to make one with another.</summary>
public static class Dialects
{
    /// <summary>One of each kind that a WebSocket may speak, in the order of <see cref="DialectKind"/>.</summary>
    public static IReadOnlyList<IDialect> All { get; } = [.. DefaultProfiles().Select(Create)];

    /// <summary>The dialect of a kind.</summary>
    public static IDialect ByKind(DialectKind kind) => kind == DialectKind.Sse ? SseDialect.Default : All[(int)kind];

    /// <summary>
    /// The dialect that a WebSocket subprotocol chooses, e.g. <c>relay.v1</c>; null for any other text. Case counts (RFC 6455, 4.1).
    /// </summary>
    public static IDialect? BySubprotocol(string subprotocol) =>
        All.FirstOrDefault(dialect => string.Equals(dialect.Profile.Subprotocol, subprotocol, StringComparison.Ordinal));

    /// <summary>The dialect of a name in configuration, e.g. <c>context</c>; null for any other text. Case does not count.</summary>
    public static IDialect? ByName(string name) =>
        All.FirstOrDefault(dialect => string.Equals(dialect.Profile.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Makes a dialect of <see cref="DialectProfile.Kind"/> with that profile, for limits that are configured.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The kind is none of <see cref="DialectKind"/>.</exception>
    public static IDialect Create(DialectProfile profile) => profile.Kind switch
    {
        DialectKind.Context => new ContextDialect(profile),
        DialectKind.Hooks => new HooksDialect(profile),
        DialectKind.Projects => new ProjectsDialect(profile),
        DialectKind.Updates => new UpdatesDialect(profile),
        DialectKind.WebUi => new WebUiDialect(profile),
        DialectKind.Relay => new RelayJsonDialect(profile),
        DialectKind.RelayProtobuf => new RelayProtobufDialect(profile),
        DialectKind.Sse => new SseDialect(profile),
        _ => throw new ArgumentOutOfRangeException(nameof(profile), profile.Kind, "There is no such dialect."),
    };

    private static DialectProfile[] DefaultProfiles() =>
    [
        ContextDialect.DefaultProfile,
        HooksDialect.DefaultProfile,
        ProjectsDialect.DefaultProfile,
        UpdatesDialect.DefaultProfile,
        WebUiDialect.DefaultProfile,
        RelayJsonDialect.DefaultProfile,
        RelayProtobufDialect.DefaultProfile,
    ];
}
