using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.Auth;

/// <summary>Keys that are fetched from the issuer.</summary>
public sealed class JwksTests : IAsyncLifetime
{
    private readonly ECDsa _one = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _two = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private WebApplication _issuer = null!;
    private volatile Func<HttpContext, Task> _answer = static _ => Task.CompletedTask;
    private int _asked;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _issuer = builder.Build();
        _issuer.Run(context =>
        {
            Interlocked.Increment(ref _asked);
            return _answer(context);
        });
        await _issuer.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _issuer.DisposeAsync();
        _one.Dispose();
        _two.Dispose();
    }

    [Fact]
    public void Of_a_set_the_keys_are_taken_that_can_verify_and_the_others_passed_over()
    {
        using var rsa = RSA.Create(2048);
        using var small = RSA.Create(1024);
        var (n, weak) = (Base64Url.EncodeToString(rsa.ExportParameters(false).Modulus), Base64Url.EncodeToString(small.ExportParameters(false).Modulus));
        var off = Base64Url.EncodeToString(new byte[31].Append((byte)1).ToArray());
        var keys = JwksDocument.Parse(Encoding.UTF8.GetBytes($$"""
            {"keys":[
              {"kty":"RSA","kid":"r","use":"sig","alg":"RS256","n":"{{n}}","e":"AQAB"},
              {"kty":"RSA","kid":"enc","use":"enc","n":"{{n}}","e":"AQAB"},
              {"kty":"RSA","kid":"ps","alg":"PS256","n":"{{n}}","e":"AQAB"},
              {"kty":"RSA","kid":"ops","key_ops":["encrypt"],"n":"{{n}}","e":"AQAB"},
              {"kty":"RSA","kid":"weak","n":"{{weak}}","e":"AQAB"},
              {"kty":"RSA","kid":"broken","n":"***","e":"AQAB"},
              {"kty":"oct","kid":"secret","k":"{{Base64Url.EncodeToString(Tokens.Secret)}}"},
              {"kty":"EC","kid":"off","crv":"P-256","x":"{{off}}","y":"{{off}}"},
              {"kty":"EC","kid":"p384","crv":"P-384","x":"{{off}}","y":"{{off}}"},
              {"kty":"OKP","kid":"ed","crv":"Ed25519","x":"{{off}}"},
              7, {"kid":9},
              {{Jwk("e", _one)}}
            ]}
            """))!;
        Assert.Equal("r RS256, e ES256", string.Join(", ", keys.Select(static key => $"{key.KeyId} {key.Algorithm}")));
        Assert.All(keys, static key => Assert.False(key.CanSign));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"keys":{}}""")]
    [InlineData("""{"keys":[],"keys":[]}""")]
    [InlineData("<html></html>")]
    public void What_is_no_set_is_none(string text) => Assert.Null(JwksDocument.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void After_failures_the_pause_grows_to_five_minutes() => Assert.Equal(
        [1, 2, 4, 8, 256, 300, 300], new[] { 1, 2, 3, 4, 9, 10, 1000 }.Select(static failures => JwksFetcher.PauseAfter(failures).TotalSeconds));

    [Fact]
    public async Task Keys_are_fetched_rotated_on_an_unknown_kid_and_kept_while_the_issuer_is_ill()
    {
        Serve(Jwk("one", _one));
        await using var node = Fetching();
        await node.StartAsync();
        await Eventually.BecomesTrueAsync(() => node.Knows("one", _one), "the first key is believed");
        Assert.True(node.Health.IsReady);
        Assert.False(node.Authenticator.AwaitsKeys);

        // The issuer begins to use another key: its first token makes the node look.
        Serve(Jwk("two", _two));
        Assert.False(node.Knows("two", _two));
        await Eventually.BecomesTrueAsync(() => node.Knows("two", _two), "the second key is believed");
        Assert.False(node.Knows("one", _one));

        // It falls ill: what is known stays, whatever it answers.
        foreach (var answer in new Func<HttpContext, Task>[]
        {
            static context => Status(context, 500),
            static context => context.Response.WriteAsync("{\"keys\":[" + new string(' ', 300_000) + "]}"),
        })
        {
            _answer = answer;
            var asked = Volatile.Read(ref _asked);
            await Eventually.BecomesTrueAsync(() => !node.Knows("three", _one) && Volatile.Read(ref _asked) > asked, "it was asked");
            Assert.True(node.Knows("two", _two));
        }

        Serve(Jwk("one", _one), Jwk("two", _two));
        await Eventually.BecomesTrueAsync(() => node.Knows("one", _one), "the issuer is well again");
    }

    [Fact]
    public async Task Until_the_first_keys_are_there_the_node_is_not_ready_and_says_that_it_waits()
    {
        _answer = static context => Status(context, 503);
        await using var node = Fetching();
        await node.StartAsync();
        await Eventually.BecomesTrueAsync(() => Volatile.Read(ref _asked) > 0, "it was asked");
        Assert.False(node.Health.IsReady);
        Assert.True(node.Authenticator.AwaitsKeys);
        Serve(Jwk("one", _one));
        await Eventually.BecomesTrueAsync(() => node.Health.IsReady && node.Knows("one", _one), "the keys came");
    }

    [Fact]
    public void Strangers_with_invented_kids_make_the_node_ask_no_more_often_than_its_pause()
    {
        var time = new Clock();
        var none = new KeyRing([], fetches: false, TimeSpan.Zero, time);
        none.Miss();
        Assert.False(none.AwaitsKeys);
        var ring = new KeyRing([], fetches: true, TimeSpan.FromSeconds(10), time);
        Assert.True(ring.AwaitsKeys);
        ring.Fetched([]);
        ring.Miss();
        Assert.False(ring.AwaitsKeys);
        time.Seconds = 10;
        ring.Miss();
        ring.Miss();
        Assert.True(ring.AwaitsKeys);
        Assert.True(ring.WaitAsync(TimeSpan.FromHours(1), default).IsCompletedSuccessfully);
        ring.Failed();
        ring.Miss();
        Assert.False(ring.AwaitsKeys);
        Assert.False(ring.WaitAsync(TimeSpan.FromHours(1), default).IsCompleted);
    }

    private static Task Status(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private void Serve(params string[] keys) => _answer = context => context.Response.WriteAsync("{\"keys\":[" + string.Join(',', keys) + "]}");

    private static string Jwk(string kid, ECDsa key)
    {
        var point = key.ExportParameters(false).Q;
        return $$"""{"kty":"EC","kid":"{{kid}}","use":"sig","crv":"P-256","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""";
    }

    private Fetcher Fetching() => new(new JwtOptions { JwksUrl = _issuer.Urls.Single() + "/keys", Issuer = "issuer", JwksPause = TimeSpan.FromMilliseconds(1) });

    private sealed class Fetcher(JwtOptions options) : IAsyncDisposable
    {
        private JwksFetcher? _fetcher;

        public HealthState Health { get; } = new();

        public Authenticator Authenticator { get; } = new(new AuthOptions { Required = true, Jwt = options }, TimeProvider.System);

        public Task StartAsync()
        {
            _fetcher = new JwksFetcher(Authenticator, options, Health, TimeProvider.System, NullLogger<JwksFetcher>.Instance);
            return _fetcher.StartAsync(default);
        }

        public bool Knows(string kid, ECDsa key)
        {
            var exp = TimeProvider.System.GetUtcNow().AddMinutes(5).ToUnixTimeSeconds();
            var signer = SigningKey.Of(kid, key.ExportParameters(true));
            var token = CompactJws.Write(
                Encoding.UTF8.GetBytes($$"""{"alg":"ES256","kid":"{{kid}}"}"""), Encoding.UTF8.GetBytes($$"""{"iss":"issuer","sub":"u1","exp":{{exp}}}"""), signer);
            return Authenticator.Verify(token) is not null;
        }

        public async ValueTask DisposeAsync()
        {
            await _fetcher!.StopAsync(default);
            _fetcher.Dispose();
        }
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 1000 + Seconds;
    }
}
