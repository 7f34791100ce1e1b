using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Actors.Tests.Connections;

/// <summary>Connections whose token ends, is renewed or revoked (docs/security.md).</summary>
public sealed class TokenLifeTests : IDisposable
{
    private readonly TokenDesk _desk = new();
    private readonly RelayHarness _relay;

    public TokenLifeTests()
    {
        _desk.IsRequired = true;
        _relay = new RelayHarness(configure: parts => parts with { Authenticator = _desk, Revocations = _desk.Revocations = new Revocations(parts.Kernel.Time) });
        _desk.Now = () => _relay.Time.GetUtcNow();
    }

    public void Dispose() => _relay.Dispose();

    [Fact]
    public void A_native_client_is_told_a_minute_before_and_closed_with_4401_at_the_end()
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 120));
        _relay.Advance(58);
        Assert.DoesNotContain(client.Received, static text => text.Contains("token_expiring", StringComparison.Ordinal));
        _relay.Advance(5);
        Assert.Single(client.Received, static text => text.Contains("token_expiring", StringComparison.Ordinal));
        _relay.Advance(50);
        Assert.Single(client.Received, static text => text.Contains("token_expiring", StringComparison.Ordinal));
        Assert.Null(CloseCode(client));
        _relay.Advance(8);
        Assert.Equal(4401, CloseCode(client));
    }

    [Fact]
    public void A_refresh_keeps_the_connection_and_its_subscriptions()
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 120));
        client.Send("""{"type":"subscribe","channel":"topics/x","id":"s"}""");
        _relay.Advance(90);
        client.Send($$"""{"type":"refresh","token":"{{_desk.Make("ann", 600)}}","id":"r"}""");
        _relay.Settle();
        Assert.Contains(client.Received, static text => text.Contains("\"id\":\"r\",\"success\":true", StringComparison.Ordinal));
        _relay.Advance(300);
        Assert.Null(CloseCode(client));
        _relay.Publish("topics/x", "still.here");
        Assert.Contains(client.Received, static text => text.Contains("still.here", StringComparison.Ordinal));
        _relay.Advance(301);
        Assert.Equal(4401, CloseCode(client));
    }

    [Theory]
    [InlineData("refresh")]
    [InlineData("auth")]
    public void A_token_of_somebody_else_or_a_wrong_one_changes_nothing(string type)
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 120));
        client.Send($$"""{"type":"{{type}}","token":"{{_desk.Make("bob", 600)}}","id":"r"}""");
        client.Send($$"""{"type":"{{type}}","token":"nonsense","id":"q"}""");
        _relay.Settle();
        Assert.DoesNotContain(client.Received, static text => text.Contains("\"success\":true", StringComparison.Ordinal));
        _relay.Advance(121);
        Assert.Equal(4401, CloseCode(client));
    }

    [Fact]
    public void What_a_new_token_does_not_allow_is_left_and_the_client_told()
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 120));
        foreach (var channel in new[] { "topics/x", "topics/y", "topics/*" })
        {
            client.Send($$"""{"type":"subscribe","channel":"{{channel}}","id":"{{channel}}"}""");
        }

        _relay.Settle();
        client.Send($$"""{"type":"refresh","token":"{{_desk.Make("ann", 600, ChannelGrants.Create([("topics/y", ChannelRights.Subscribe)]))}}","id":"r"}""");
        _relay.Settle();
        Assert.Equal(
            ["global", "topics/*", "topics/x"],
            client.Received.Where(static text => text.Contains("No longer subscribed", StringComparison.Ordinal)).Select(static text => text.Split("allow it: ")[1].Split('"')[0]).Order(StringComparer.Ordinal));
        client.TakeAll();
        _relay.Publish("topics/x", "secret.one");
        _relay.Publish("topics/y", "public.one");
        Assert.Single(client.Received, static text => text.Contains("public.one", StringComparison.Ordinal));
        Assert.DoesNotContain(client.Received, static text => text.Contains("secret.one", StringComparison.Ordinal));
    }

    [Fact]
    public void Channels_that_the_token_subscribes_to_are_heard_and_cannot_be_left()
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 600, ChannelGrants.Create([]), ["topics/news", "topics/more"]));
        client.Send("""{"type":"unsubscribe","channel":"topics/news","id":"u"}""");
        client.Send("""{"type":"history","channel":"topics/news","id":"h"}""");
        client.Send("""{"type":"subscribe","channel":"topics/news","last":1,"id":"l"}""");
        client.Send("""{"type":"subscribe","channel":"topics/other","id":"o"}""");
        client.Send("""{"type":"presence","channel":"topics/news","id":"p"}""");
        client.Send("""{"type":"publish","channel":"topics/news","event":"e","id":"w"}""");
        _relay.Settle();
        foreach (var id in "uhlopw")
        {
            Assert.Contains(client.Received, text => text.Contains($"\"id\":\"{id}\",\"success\":false", StringComparison.Ordinal) && text.Contains("NOT_AUTHORIZED", StringComparison.Ordinal));
        }

        _relay.Publish("topics/news", "forced.one");
        Assert.Contains(client.Received, static text => text.Contains("forced.one", StringComparison.Ordinal));
        _relay.Publish("global", "not.heard");
        Assert.DoesNotContain(client.Received, static text => text.Contains("not.heard", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(DialectKind.Relay)]
    [InlineData(DialectKind.Context)]
    [InlineData(DialectKind.Hooks)]
    [InlineData(DialectKind.WebUi)]
    [InlineData(DialectKind.Updates)]
    public void Whoever_is_revoked_is_gone_within_two_seconds_and_others_stay(DialectKind kind)
    {
        var (ann, bob) = (Connect(kind, _desk.Make("ann", 600)), Connect(kind, _desk.Make("bob", 600)));
        _relay.Advance(3);
        var now = _relay.Time.GetUtcNow().ToUnixTimeSeconds();
        Assert.True(_relay.Relay.Revocations.TryAdd(new Revocation(RevokedBy.User, "ann", now, now + 600)));
        _relay.Advance(2);
        Assert.Equal((4401, (int?)null), (CloseCode(ann), CloseCode(bob)));
        Assert.Null(_desk.Verify(_desk.Make("ann", 600, issuedBefore: 10)));
        Assert.NotNull(_desk.Verify(_desk.Make("ann", 600)));
    }

    [Fact]
    public void A_context_client_that_brings_its_token_later_is_held_to_it_as_well()
    {
        var client = _relay.Connect(DialectKind.Context);
        client.Send($$"""{"type":"auth","token":"{{_desk.Make("ann", 30)}}","id":"a"}""");
        _relay.Advance(20);
        Assert.Null(CloseCode(client));
        client.Send($$"""{"type":"auth","token":"{{_desk.Make("ann", 60)}}","id":"b"}""");
        _relay.Advance(20);
        Assert.Null(CloseCode(client));
        _relay.Advance(42);
        Assert.Equal(4401, CloseCode(client));
    }

    [Fact]
    public void Where_nobody_needs_a_token_a_connection_outlives_its_own()
    {
        _desk.IsRequired = false;
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 30));
        _relay.Advance(50);
        Assert.Null(CloseCode(client));
    }

    [Fact]
    public void A_session_is_resumed_with_what_the_new_token_allows()
    {
        var client = Connect(DialectKind.Relay, _desk.Make("ann", 600));
        client.Send("""{"type":"subscribe","channel":"topics/x","id":"s"}""");
        client.Send("""{"type":"subscribe","channel":"topics/y","id":"t"}""");
        _relay.Settle();
        var session = client.Received.First().Split("\"session\":\"")[1].Split('"')[0];
        client.Disconnect();
        _relay.Settle();
        var again = Connect(DialectKind.Relay, _desk.Make("ann", 600, ChannelGrants.Create([("topics/y", ChannelRights.Subscribe)])));
        again.Send($$"""{"type":"resume","id":"r","session":"{{session}}","positions":{} }""");
        _relay.Settle();
        var answer = again.Received.Single(static text => text.Contains("\"channels\":", StringComparison.Ordinal));
        Assert.Contains("""{"channel":"topics/x","code":"NOT_AUTHORIZED"}""", answer, StringComparison.Ordinal);
        Assert.Contains("\"channel\":\"topics/y\",\"epoch\"", answer, StringComparison.Ordinal);
    }

    private static int? CloseCode(FakeClient client) =>
        client.Received.FirstOrDefault(static frame => frame.StartsWith("closed ", StringComparison.Ordinal)) is { } closed ? int.Parse(closed.Split(' ')[1]) : null;

    private FakeClient Connect(DialectKind kind, string token) => _relay.Connect(kind, request => request with { Principal = _desk.Verify(token)!, UserId = kind == DialectKind.Updates ? _desk.Verify(token)!.Subject : null });

    /// <summary>Knows the tokens it made.</summary>
    private sealed class TokenDesk : IAuthenticator
    {
        private readonly Dictionary<string, Principal> _made = [];

        public Func<DateTimeOffset> Now { get; set; } = static () => default;

        public Revocations Revocations { get; set; } = null!;

        public bool IsRequired { get; set; }

        public string Make(string subject, int seconds, ChannelGrants? grants = null, IReadOnlyList<string>? forced = null, int issuedBefore = 0)
        {
            var token = "t" + _made.Count;
            _made[token] = new Principal(subject, true)
            {
                Grants = grants,
                Forced = forced ?? [],
                TokenId = token,
                IssuedAt = Now().ToUnixTimeSeconds() - issuedBefore,
                ExpiresAt = Now().AddSeconds(seconds),
            };
            return token;
        }

        public Principal? Verify(string credential) =>
            _made.TryGetValue(credential, out var principal) && principal.ExpiresAt > Now() && !Revocations.Concern(principal) ? principal : null;
    }
}
