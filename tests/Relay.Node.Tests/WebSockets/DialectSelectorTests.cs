using Relay.Actors.Connections;
using Relay.Node.WebSockets;
using Relay.Protocol;
using Relay.Protocol.Handshake;

namespace Relay.Node.Tests.WebSockets;

/// <summary>The routing table of protocols.md.</summary>
public sealed class DialectSelectorTests
{
    private const string Project = "0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55";

    private static readonly Principal User = new("user-7", true);

    [Theory]
    [InlineData("/ws", DialectKind.WebUi)]
    [InlineData("/ws?foo=bar", DialectKind.WebUi)]
    [InlineData("/ws?userId=u1", DialectKind.Updates)]
    [InlineData("/ws?user_id=u1", DialectKind.Updates)]
    [InlineData("/ws?project_id=" + Project, DialectKind.Projects)]
    [InlineData("/ws?userId=u1&project_id=" + Project, DialectKind.Projects)]
    [InlineData("/relay", DialectKind.Relay)]
    public void Path_and_query_choose_on_an_auto_listener(string target, DialectKind expected) => Assert.Equal(expected, Choose(null, target).Kind);

    [Theory]
    [InlineData("relay.v1", DialectKind.Relay)]
    [InlineData("relay.v1.protobuf", DialectKind.RelayProtobuf)]
    [InlineData("relay.context", DialectKind.Context)]
    [InlineData("relay.hooks", DialectKind.Hooks)]
    [InlineData("relay.webui", DialectKind.WebUi)]
    public void A_subprotocol_goes_before_path_and_query_and_is_echoed(string subprotocol, DialectKind expected)
    {
        foreach (var target in (string[])["/", "/ws?userId=u1", "/relay", "/anything"])
        {
            var choice = Choose(null, target, "chat, " + subprotocol + ", relay.v1");
            Assert.Equal(expected, choice.Kind);
            Assert.Equal(subprotocol, choice.Subprotocol);
        }
    }

    [Fact]
    public void Unknown_subprotocols_are_passed_over()
    {
        var choice = Choose(null, "/ws", "graphql-ws, RELAY.V1");
        Assert.Equal(DialectKind.WebUi, choice.Kind);
        Assert.Null(choice.Subprotocol);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/WS")]
    [InlineData("/ws/")]
    [InlineData("/echo")]
    [InlineData("/relay/x")]
    public void Another_path_is_not_found(string target) => Refuses(null, target, 404, "Not found");

    [Theory]
    [InlineData(Project)]
    [InlineData("0B5CC3A6-93F1-4A3E-8F0A-2C9D6C1F7E55")]
    [InlineData("%7B0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55%7D")]
    [InlineData("urn:uuid:0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55")]
    [InlineData("URN:UUID:0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55")]
    [InlineData("0b5cc3a693f14a3e8f0a2c9d6c1f7e55")]
    public void Every_form_of_a_project_id_becomes_the_canonical_one(string written) =>
        Assert.Equal(Project, Choose(null, "/ws?project_id=" + written).ProjectId);

    [Theory]
    [InlineData("x")]
    [InlineData("0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e5")]
    [InlineData("0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e5g")]
    [InlineData("+b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55")]
    [InlineData("%200b5cc3a693f14a3e8f0a2c9d6c1f7e55")]
    [InlineData("(0b5cc3a6-93f1-4a3e-8f0a-2c9d6c1f7e55)")]
    [InlineData("%7B0b5cc3a693f14a3e8f0a2c9d6c1f7e55%7D")]
    [InlineData("0b5cc3a6093f104a3e08f0a02c9d6c1f7e55")]
    public void A_project_id_that_is_no_uuid_is_invalid(string written) => Refuses(null, "/ws?project_id=" + written, 400, "Invalid project_id");

    [Fact]
    public void A_project_id_that_is_missing_or_empty_is_required()
    {
        Refuses(null, "/ws?project_id=", 400, "project_id is required");
        Refuses(null, "/ws?project_id", 400, "project_id is required");
        Refuses(DialectKind.Projects, "/ws", 400, "project_id is required");
        Refuses(null, "/ws", 400, "project_id is required", "relay.projects");
    }

    [Fact]
    public void An_empty_user_id_is_unauthorized_even_with_a_token()
    {
        Refuses(null, "/ws?userId=", 401, "Unauthorized: userId is required");
        Refuses(null, "/ws?user_id=", 401, "Unauthorized: userId is required");
        Refuses(DialectKind.Updates, "/ws", 401, "Unauthorized: userId is required");
        Assert.Null(DialectSelector.Select(null, Request("/ws?userId="), User, out var refusal));
        Assert.Equal(401, refusal!.Status);
    }

    [Fact]
    public void A_verified_token_names_the_user_when_nothing_else_does()
    {
        var choice = DialectSelector.Select(null, Request("/ws"), User, out _);
        Assert.Equal((DialectKind.Updates, "user-7"), (choice!.Kind, choice.UserId));
        choice = DialectSelector.Select(DialectKind.Updates, Request("/any"), User, out _);
        Assert.Equal("user-7", choice!.UserId);
        choice = DialectSelector.Select(null, Request("/ws?userId=u9"), User, out _);
        Assert.Equal("u9", choice!.UserId);
    }

    [Theory]
    [InlineData("/", true)]
    [InlineData("/ws", true)]
    [InlineData("/other", false)]
    public void The_context_listener_knows_two_paths(string target, bool found)
    {
        var choice = DialectSelector.Select(DialectKind.Context, Request(target), Principal.Anonymous, out var refusal);
        Assert.Equal(found, choice?.Kind == DialectKind.Context);
        Assert.Equal(found ? null : 404, refusal?.Status);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/ws?userId=")]
    [InlineData("/some/where")]
    public void The_hooks_listener_takes_any_path(string target) => Assert.Equal(DialectKind.Hooks, Choose(DialectKind.Hooks, target).Kind);

    [Fact]
    public void A_fixed_listener_keeps_its_dialect_and_echoes_only_its_own_subprotocols()
    {
        Assert.Null(Choose(DialectKind.Context, "/ws", "relay.v1").Subprotocol);
        Assert.Equal(DialectKind.Context, Choose(DialectKind.Context, "/ws", "relay.v1").Kind);
        Assert.Equal("relay.context", Choose(DialectKind.Context, "/ws", "relay.v1, relay.context").Subprotocol);
        Assert.Equal(DialectKind.RelayProtobuf, Choose(DialectKind.Relay, "/", "relay.v1.protobuf").Kind);
    }

    [Theory]
    [InlineData(DialectKind.Context, "/")]
    [InlineData(DialectKind.Relay, "/relay")]
    public void Agent_and_session_come_from_the_query(DialectKind kind, string path)
    {
        var choice = Choose(kind, path + "?agent_id=agent%2F1+x&session_id=s%C3%A9");
        Assert.Equal(("agent/1 x", "sé"), (choice.AgentId, choice.SessionId));
        choice = Choose(kind, path + "?agent_id=");
        Assert.Null(choice.AgentId);
    }

    private static UpgradeRequest Request(string target, string? subprotocols = null)
    {
        var mark = target.IndexOf('?', StringComparison.Ordinal);
        KeyValuePair<string, string>[] headers = subprotocols is null ? [] : [new("Sec-WebSocket-Protocol", subprotocols)];
        return UpgradeRequest.FromHttp(mark < 0 ? target : target[..mark], mark < 0 ? "" : target[mark..], headers)!;
    }

    private static DialectChoice Choose(DialectKind? listener, string target, string? subprotocols = null)
    {
        var choice = DialectSelector.Select(listener, Request(target, subprotocols), Principal.Anonymous, out var refusal);
        Assert.Null(refusal);
        return choice!;
    }

    private static void Refuses(DialectKind? listener, string target, int status, string body, string? subprotocols = null)
    {
        Assert.Null(DialectSelector.Select(listener, Request(target, subprotocols), Principal.Anonymous, out var refusal));
        Assert.Equal((status, body), (refusal!.Status, refusal.Body));
    }
}
