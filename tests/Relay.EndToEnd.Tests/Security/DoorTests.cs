using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using static Relay.EndToEnd.Tests.Security.Attack;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>S1 to S10: origins, tokens and keys (docs/security-tests.md).</summary>
[Collection(HostileCollection.Name)]
public sealed class DoorTests(HostileNode hostile)
{
    private readonly NodeProcess _node = hostile.Process;

    /// <summary>S1.</summary>
    [Fact]
    public async Task S01_Pages_of_foreign_origins_are_refused_and_only_exact_ones_pass()
    {
        var watch = await hostile.WatchAsync();
        var key = Bearer(HostileNode.ServiceKey);
        foreach (var origin in new[]
        {
            "https://evil.example", "null", HostileNode.Origin + ".evil", "https://evilapp.example.com", HostileNode.Origin.ToUpperInvariant(), HostileNode.Origin + ":444", "http://app.example.com",
            HostileNode.Origin + "/", "https://app.example.com@evil.example", "file://", "https://localhost.evil.example", "", "https://127.0.0.1.evil.example",
        })
        {
            Assert.Equal(403, await StatusAsync(_node, RawSocket.Upgrade("/relay", key, "Origin: " + origin)));
            Assert.Equal(403, await StatusAsync(_node, Get("/api/v1/channels", key, "Origin: " + origin)));
        }

        Assert.Equal(101, await StatusAsync(_node, RawSocket.Upgrade("/relay", key, "Origin: " + HostileNode.Origin)));
        Assert.Equal(101, await StatusAsync(_node, RawSocket.Upgrade("/relay", key)));
        Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay")));
        await watch.PassAsync();
    }

    /// <summary>S2.</summary>
    [Fact]
    public async Task S02_A_cookie_is_no_credential()
    {
        var watch = await hostile.WatchAsync();
        var cookie = $"Cookie: token={HostileNode.ServiceKey}; access_token={HostileNode.ServiceKey}; Authorization=Bearer {HostileNode.ServiceKey}";
        Assert.Equal(403, await StatusAsync(_node, RawSocket.Upgrade("/relay", cookie, "Origin: https://evil.example")));
        Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", cookie)));
        Assert.Equal(401, await StatusAsync(_node, Get("/api/v1/channels", cookie)));
        await watch.PassAsync();
    }

    /// <summary>S3, S4, S6, S7.</summary>
    [Fact]
    public async Task S03_S04_S06_S07_Tokens_that_are_wrong_in_any_way_get_the_same_401()
    {
        var watch = await hostile.WatchAsync();
        var good = TestTokens.Claims("a", HostileNode.Issuer);
        const string Header = """{"alg":"HS256","kid":"hs"}""";
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string Signed(string payload) => TestTokens.Hs256(Header, payload, HostileNode.SigningSecret);
        string With(string claim) => Signed("{\"sub\":\"a\",\"iss\":\"" + HostileNode.Issuer + "\"," + claim + "}");
        var publicPem = hostile.Rsa.ExportSubjectPublicKeyInfoPem();
        (string What, string Token)[] wrong =
        [
            ("S3 none", TestTokens.Unsigned("""{"alg":"none"}""", good)),
            ("S3 None", TestTokens.Unsigned("""{"alg":"None"}""", good)),
            ("S3 nOnE", TestTokens.Unsigned("""{"alg":"nOnE","kid":"hs"}""", good)),
            ("S3 no signature", TestTokens.Unsigned(Header, good)),
            ("S3 empty key", TestTokens.Hs256(Header, good, "")),
            ("S4 PEM as secret", TestTokens.Hs256("""{"alg":"HS256","kid":"rs"}""", good, publicPem)),
            ("S4 PEM without line end", TestTokens.Hs256("""{"alg":"HS256","kid":"rs"}""", good, publicPem.TrimEnd())),
            ("S4 DER as secret", TestTokens.Hs256("""{"alg":"HS256","kid":"rs"}""", good, hostile.Rsa.ExportSubjectPublicKeyInfo())),
            ("S4 RS256 for the secret's kid", TestTokens.Rs256("""{"alg":"RS256","kid":"hs"}""", good, hostile.Rsa)),
            ("S6 same kid, other key", TestTokens.Hs256(Header, good, "another-secret-of-another-tenant-0123456789")),
            ("S6 right key, other issuer", Signed(TestTokens.Claims("a", "https://other.example.com"))),
            ("S6 no issuer", Signed($$"""{"sub":"a","exp":{{now + 60}}}""")),
            ("S7 ended", With($"\"exp\":{now - 1}")),
            ("S7 not yet", With($"\"exp\":{now + 90},\"nbf\":{now + 60}")),
            ("S7 no end", With("\"iat\":1")),
            ("S7 2^63", With("\"exp\":9223372036854775808")),
            ("S7 text", With($"\"exp\":\"{now + 60}\"")),
            ("S7 fraction", With($"\"exp\":{now + 60}.5")),
            ("S7 twice", With($"\"exp\":{now - 10},\"exp\":{now + 60}")),
            ("S7 too long a life", With($"\"exp\":{now + (400 * 86400)}")),
            ("S7 9 KB", With($"\"exp\":{now + 60},\"pad\":\"{new string('x', 9000)}\"")),
            ("S7 three dots", "a.b.c.d"),
        ];
        var bodies = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (what, token) in wrong)
        {
            var (head, body) = await AnswerAsync(_node, Encoding.Latin1.GetBytes(RawSocket.Upgrade("/relay", Bearer(token))));
            Assert.True(StatusOf(head) == 401, what + ": " + head);
            bodies.Add(body);
            Assert.True(await StatusAsync(_node, Get("/api/v1/channels", Bearer(token))) == 401, what + " over HTTP");
        }

        Assert.Single(bodies);

        // A token of a megabyte does not fit into a head at all.
        Assert.Equal(431, await StatusAsync(_node, Get("/api/v1/channels", Bearer(new string('x', 1 << 20)))));

        // And the same ways of asking with right ones.
        Assert.Equal(101, await StatusAsync(_node, RawSocket.Upgrade("/relay", Bearer(Signed(good)))));
        Assert.Equal(101, await StatusAsync(_node, RawSocket.Upgrade("/relay", Bearer(TestTokens.Rs256("""{"alg":"RS256","kid":"rs"}""", good, hostile.Rsa)))));
        await watch.PassAsync();
    }

    /// <summary>S5.</summary>
    [Fact]
    public async Task S05_No_address_in_a_token_is_ever_asked()
    {
        var watch = await hostile.WatchAsync();
        using var trap = new TcpListener(IPAddress.Loopback, 0);
        trap.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)trap.LocalEndpoint).Port}/keys";
        var good = TestTokens.Claims("a", HostileNode.Issuer);
        foreach (var header in new[]
        {
            $$"""{"alg":"RS256","kid":"x","jku":"{{url}}"}""", $$"""{"alg":"RS256","kid":"x","x5u":"{{url}}"}""", $$"""{"alg":"RS256","kid":"{{url}}"}""",
            """{"alg":"HS256","kid":"../../../../dev/null"}""", """{"alg":"HS256","kid":"' OR 1=1 --"}""", """{"alg":"HS256","kid":"/dev/null"}""",
            """{"alg":"HS256","jwk":{"kty":"oct","k":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"}}""", """{"alg":"HS256","kid":"hs","crit":["exp"]}""",
        })
        {
            Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", Bearer(TestTokens.Hs256(header, good, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")))));
            Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", Bearer(TestTokens.Hs256(header, good, "")))));
        }

        foreach (var claim in new[] { $"\"iss\":\"{url}\"", $"\"aud\":\"{url}\"" })
        {
            var token = TestTokens.Hs256("""{"alg":"HS256","kid":"hs"}""", "{\"sub\":\"a\",\"exp\":" + (TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 60) + "," + claim + "}", HostileNode.SigningSecret);
            Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", Bearer(token))));
        }

        Assert.False(trap.Pending(), "the node has asked an address out of a token");
        await watch.PassAsync();
    }

    /// <summary>S8.</summary>
    [Fact]
    public async Task S08_A_connection_ends_with_its_token_and_nobody_elses_token_refreshes_it()
    {
        var watch = await hostile.WatchAsync();
        await using var client = await _node.NativeAsync(HostileNode.TokenOf("short", expiresIn: 2));
        await client.SendAsync($$"""{"type":"refresh","token":"{{HostileNode.TokenOf("somebody-else")}}","id":"r"}""");
        Assert.False((await client.NextJsonAsync("id", "r")).GetProperty("success").GetBoolean());
        Assert.Equal(4401, (await client.EndAsync()).Code);
        await watch.PassAsync();
    }

    /// <summary>S9.</summary>
    [Fact]
    public async Task S09_Who_is_revoked_is_cut_and_does_not_come_back_by_resuming()
    {
        var watch = await hostile.WatchAsync();
        var token = HostileNode.TokenOf("banned", more: "\"jti\":\"ban-me\"");
        var client = await WsClient.ConnectAsync(_node.Ws("/relay"), "relay.v1", token);
        var session = (await client.NextJsonAsync()).Text("session");
        await client.SubscribeAsync("topics/secrets");
        Assert.Equal(403, (await _node.PostAsync("/api/v1/revoke", """{"token_id":"ban-me"}""", bearer: HostileNode.ServiceKey)).Status);
        Assert.Equal(200, (await _node.PostAsync("/api/v1/revoke", """{"token_id":"ban-me"}""", bearer: HostileNode.AdminKey)).Status);
        Assert.Equal(4401, (await client.EndAsync()).Code);
        await client.DisposeAsync();
        Assert.Equal(401, await WsClient.RefusalAsync(_node.Ws("/relay"), "relay.v1", token));

        // Nor with another's credential and the banned one's session.
        await using var other = await _node.NativeAsync(HostileNode.TokenOf("other"));
        await other.SendAsync($$$"""{"type":"resume","id":"s","session":"{{{session}}}","positions":{"topics/secrets":{"epoch":"x","offset":0} } }""");
        Assert.False((await other.NextJsonAsync("id", "s")).GetProperty("success").GetBoolean());
        await watch.PassAsync();
    }

    /// <summary>S10.</summary>
    [Fact]
    public async Task S10_A_token_in_the_URL_is_written_down_nowhere()
    {
        var watch = await hostile.WatchAsync();
        const string Marked = "never-to-be-seen-again-0123456789";
        Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay?token=" + Marked)));
        Assert.Equal(401, await StatusAsync(_node, Get("/sse?channels=topics/a&access_token=" + Marked)));
        Assert.Equal(401, await StatusAsync(_node, Get("/api/v1/channels?token=" + Marked)));
        Assert.Equal(404, await StatusAsync(_node, Get("/nowhere?token=" + Marked)));
        Assert.Equal(401, await StatusAsync(_node, RawSocket.Upgrade("/relay", "Sec-WebSocket-Protocol: relay.v1, relay.token." + Marked)));
        await using (await WsClient.ConnectAsync(_node.Ws("/relay?token=" + HostileNode.ServiceKey), "relay.v1"))
        {
            var metrics = (await _node.GetAsync("/metrics", bearer: HostileNode.AdminKey)).Body;
            Assert.DoesNotContain(Marked, metrics, StringComparison.Ordinal);
            Assert.DoesNotContain(HostileNode.ServiceKey, metrics, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Marked, _node.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Marked, await File.ReadAllTextAsync($"/proc/{_node.Id}/cmdline"), StringComparison.Ordinal);
        await watch.PassAsync();
    }
}
