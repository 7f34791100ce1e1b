using Relay.Actors.Connections;
using Relay.Protocol;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>Which client family an upgrade belongs to, and the ids it brought. Immutable.</summary>
/// <param name="Kind">The family.</param>
internal sealed record DialectChoice(DialectKind Kind)
{
    /// <summary>The subprotocol to answer with; null when the family was chosen another way and its own was not offered.</summary>
    public string? Subprotocol { get; init; }

    /// <summary><c>updates</c>: the user.</summary>
    public string? UserId { get; init; }

    /// <summary><c>projects</c>: lower-case hyphenated UUID.</summary>
    public string? ProjectId { get; init; }

    /// <summary><c>context</c> and <c>relay</c>: <c>?agent_id=</c>.</summary>
    public string? AgentId { get; init; }

    /// <summary><c>context</c> and <c>relay</c>: <c>?session_id=</c>.</summary>
    public string? SessionId { get; init; }
}

/// <summary>
/// The routing table of protocols.md as code: listener, path, query, subprotocols and identity decide the dialect. Pure. Refusals have the status and
/// text of the systems replaced.
/// </summary>
internal static class DialectSelector
{
    private const string Endpoint = "/ws";

    private static readonly HandshakeRefusal NotFound = new(404, "Not found");
    private static readonly HandshakeRefusal ProjectMissing = HandshakeRefusal.BadRequest("project_id is required");
    private static readonly HandshakeRefusal ProjectInvalid = HandshakeRefusal.BadRequest("Invalid project_id");
    private static readonly HandshakeRefusal UserMissing = new(401, "Unauthorized: userId is required");

    private static readonly (string Name, DialectKind Kind)[] Subprotocols =
    [
        ("relay.v1", DialectKind.Relay),
        ("relay.v1.protobuf", DialectKind.RelayProtobuf),
        ("relay.context", DialectKind.Context),
        ("relay.hooks", DialectKind.Hooks),
        ("relay.projects", DialectKind.Projects),
        ("relay.updates", DialectKind.Updates),
        ("relay.webui", DialectKind.WebUi),
    ];

    /// <summary>Chooses the dialect of an upgrade; null with a refusal when there is none.</summary>
    /// <param name="fixedTo">What the listener speaks; null = whatever the upgrade asks for (<c>auto</c>).</param>
    /// <param name="request">The upgrade.</param>
    /// <param name="principal">Who asks.</param>
    /// <param name="refusal">The answer when null is returned.</param>
    public static DialectChoice? Select(DialectKind? fixedTo, UpgradeRequest request, Principal principal, out HandshakeRefusal? refusal)
    {
        refusal = null;
        var offered = Offered(request, fixedTo);
        var kind = offered.Name is null ? fixedTo ?? ByTarget(request, principal) : offered.Kind;
        if (kind is null || (fixedTo == DialectKind.Context && request.Path is not ("/" or Endpoint)))
        {
            refusal = NotFound;
            return null;
        }

        return Complete(new DialectChoice(kind.Value) { Subprotocol = offered.Name }, request, principal, out refusal);
    }

    /// <summary>
    /// The first subprotocol offered that the listener speaks: any on <c>auto</c>, else those of its own family. Unknown ones are passed over, as the
    /// systems replaced did.
    /// </summary>
    private static (string? Name, DialectKind Kind) Offered(UpgradeRequest request, DialectKind? fixedTo)
    {
        foreach (var name in request.Subprotocols)
        {
            foreach (var known in Subprotocols)
            {
                if (string.Equals(known.Name, name, StringComparison.Ordinal) && Speaks(fixedTo, known.Kind))
                {
                    return known;
                }
            }
        }

        return default;
    }

    private static bool Speaks(DialectKind? fixedTo, DialectKind kind) =>
        fixedTo is null || fixedTo == kind || (fixedTo == DialectKind.Relay && kind == DialectKind.RelayProtobuf);

    private static DialectKind? ByTarget(UpgradeRequest request, Principal principal) => request.Path switch
    {
        "/relay" => DialectKind.Relay,
        Endpoint when request.TryGetQuery("project_id", out _) => DialectKind.Projects,
        Endpoint when HasUserHint(request) || NamesUser(principal) => DialectKind.Updates,
        Endpoint => DialectKind.WebUi,
        _ => null,
    };

    private static bool HasUserHint(UpgradeRequest request) => request.TryGetQuery("userId", out _) || request.TryGetQuery("user_id", out _);

    private static bool NamesUser(Principal principal) => principal.IsAuthenticated && principal.Subject.Length > 0;

    private static DialectChoice? Complete(DialectChoice choice, UpgradeRequest request, Principal principal, out HandshakeRefusal? refusal)
    {
        refusal = null;
        switch (choice.Kind)
        {
            case DialectKind.Projects:
                var project = Query(request, "project_id");
                if (project is not null && ProjectId.TryNormalize(project, out var canonical))
                {
                    return choice with { ProjectId = canonical };
                }

                refusal = project is null ? ProjectMissing : ProjectInvalid;
                return null;
            case DialectKind.Updates:
                var user = Query(request, "userId") ?? Query(request, "user_id");
                if (user is null && !HasUserHint(request) && NamesUser(principal))
                {
                    user = principal.Subject;
                }

                refusal = user is null ? UserMissing : null;
                return user is null ? null : choice with { UserId = user };
            case DialectKind.Context or DialectKind.Relay or DialectKind.RelayProtobuf:
                return choice with { AgentId = Query(request, "agent_id"), SessionId = Query(request, "session_id") };
            default:
                return choice;
        }
    }

    /// <summary>A query value; null when it is missing or empty.</summary>
    private static string? Query(UpgradeRequest request, string name) => request.TryGetQuery(name, out var value) && value.Length > 0 ? value : null;
}
