using System.Net;
using Microsoft.Extensions.Configuration;
using Relay.Node.Configuration;
using Relay.Protocol;

namespace Relay.Node.Tests.Configuration;

public sealed class RelayOptionsTests
{
    [Fact]
    public void Without_configuration_the_three_listeners_are_on_loopback()
    {
        var listeners = Given.Options().Listeners;
        Assert.Equal(["main", "hooks", "context"], listeners.Select(listener => listener.Name), StringComparer.Ordinal);
        Assert.Equal(["auto", "hooks", "context"], listeners.Select(listener => listener.DialectName), StringComparer.Ordinal);
        Assert.Equal(["127.0.0.1:8080", "127.0.0.1:8765", "127.0.0.1:3849"], listeners.Select(listener => listener.Address.ToString()), StringComparer.Ordinal);
    }

    [Fact]
    public void Without_configuration_every_room_has_the_defaults_of_its_record()
    {
        var options = Given.Options();
        var usual = new RelayOptions();
        Assert.Equal(usual.Namespaces, options.Namespaces);
        Assert.Equal(usual.Dialects, options.Dialects);
        Assert.Equal(usual.Limits, options.Limits);
        Assert.Equal(usual.Compression, options.Compression);
        Assert.Equal(usual.WebUi, options.WebUi);
        Assert.Equal(usual.Agents, options.Agents);
        Assert.Equal(usual.Metrics, options.Metrics with { Networks = usual.Metrics.Networks });
        Assert.Equal(usual.Metrics.Networks, options.Metrics.Networks);
        Assert.Equal(usual.Drain, options.Drain);
        Assert.Equal(usual.Testing, options.Testing);
        Assert.Equal(usual.Cluster, options.Cluster);
        Assert.Equal(usual.Postgres, options.Postgres);
        Assert.Null(options.Redis.Connection);
        Assert.Equal("updates", Assert.Single(options.Redis.UpdateChannels));
        Assert.Equal(1000, options.Namespaces["hooks"].HistoryLength);
    }

    [Fact]
    public void An_empty_url_turns_a_listener_off() =>
        Assert.Equal(["main", "context"], Given.Options("Listeners:hooks:Url=").Listeners.Select(listener => listener.Name), StringComparer.Ordinal);

    [Fact]
    public void Further_listeners_can_be_named()
    {
        var listener = Given.Options("Listeners:second:Url=http://127.0.0.1:0", "Listeners:second:Dialect=relay").Listeners.Single(listener => listener.Name == "second");
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 0), listener.Address);
        Assert.Equal(DialectKind.Relay, listener.Dialect);
    }

    [Fact]
    public void An_https_listener_carries_its_certificate()
    {
        var listener = Given.Options(
            "Listeners:main:Url=https://127.0.0.1:8443", "Listeners:main:Tls:Certificate=c.pem", "Listeners:main:Tls:Key=k.pem", "Listeners:main:Tls:Password=pw").Listeners[0];
        Assert.Equal(new TlsOptions("c.pem", "k.pem", new Secret("pw")), listener.Tls);
    }

    [Theory]
    [InlineData("4000", null, "127.0.0.1:4000")]
    [InlineData(null, "127.0.0.9", "127.0.0.9:3849")]
    [InlineData("0", "localhost", "127.0.0.1:0")]
    [InlineData("4000", "::1", "[::1]:4000")]
    [InlineData("", "", "127.0.0.1:3849")]
    public void WS_PORT_and_HOST_move_the_context_listener(string? port, string? host, string expected)
    {
        var result = Given.Raw([.. new[] { ("WS_PORT", port), ("HOST", host) }.Where(entry => entry.Item2 is not null).Select(entry => $"{entry.Item1}={entry.Item2}")]);
        Assert.Empty(result.Problems);
        Assert.Equal(expected, result.Options.Listeners.Single(listener => listener.Name == "context").Address.ToString());
        Assert.Equal("127.0.0.1:8080", result.Options.Listeners.Single(listener => listener.Name == "main").Address.ToString());
    }

    [Fact]
    public void HOST_on_every_interface_is_open_to_the_network_too() =>
        Assert.Equal("Listeners:context:Url", Assert.Single(Given.Raw("HOST=0.0.0.0").Problems).Key);

    [Fact]
    public void The_context_listeners_own_key_wins_over_WS_PORT() => Assert.Equal(
        5000,
        Given.Raw("WS_PORT=4000", "Relay:Listeners:context:Url=http://127.0.0.1:5000").Options.Listeners.Single(listener => listener.Name == "context").Address.Port);

    [Fact]
    public void Redis_is_read_from_one_text_or_from_single_keys()
    {
        var one = Given.Options("Redis:Endpoints=rediss://u:p@a:1,b:2/3").Redis.Connection!;
        Assert.Equal(["a:1", "b:2"], one.Endpoints.Select(endpoint => endpoint.ToString()), StringComparer.Ordinal);
        Assert.True(one.Tls);
        Assert.Equal(("u", "p", 3), (one.User!, one.Password!, one.Database));

        var single = Given.Options("Redis:Endpoints=a", "Redis:User=x", "Redis:Password=y", "Redis:Database=4", "Redis:Updates:Streams=s1,s2", "Redis:Updates:Channels=a*,b").Redis;
        Assert.Equal(("x", "y", 4), (single.Connection!.User!, single.Connection.Password!, single.Connection.Database));
        Assert.Equal(["s1", "s2"], single.UpdateStreams, StringComparer.Ordinal);
        Assert.Equal(["a*", "b"], single.UpdateChannels, StringComparer.Ordinal);
    }

    [Fact]
    public void With_a_Sentinel_the_endpoints_are_the_Sentinels_which_have_a_password_of_their_own()
    {
        var redis = Given.Options("Redis:Endpoints=a:26379,b:26379", "Redis:Sentinel=mymaster", "Redis:Password=x", "Redis:SentinelUser=u", "Redis:SentinelPassword=y").Redis.Connection!;
        Assert.Equal(("mymaster", "x", "u", "y"), (redis.Sentinel!, redis.Password!, redis.SentinelUser!, redis.SentinelPassword!));
        Assert.Empty(redis.Validate());
        Assert.Null(Given.Options("Redis:Endpoints=a").Redis.Connection!.Sentinel);
        Assert.Equal(
            [0, 2, 1, 0],
            new string[][] { [], ["Redis:WaitReplicas=2"], ["Redis:Sentinel=m"], ["Redis:Sentinel=m", "Redis:WaitReplicas=0"] }
                .Select(static settings => Given.Options([.. settings, "Redis:Endpoints=a"]).Redis)
                .Select(static redis => redis.WaitReplicasOf(redis.Connection!)));
        Assert.Equal("Redis:Sentinel", Given.Problem("Redis:Endpoints=a", "Redis:SentinelPassword=y").Key);
        Assert.Equal("Redis:SentinelPassword", Given.Problem("Redis:Endpoints=a", "Redis:Sentinel=m", "Redis:SentinelUser=u").Key);
    }

    [Fact]
    public void Lists_are_read_by_index_in_order()
    {
        var auth = Given.Options(
            "Auth:Origins:0=https://a.example.com", "Auth:Origins:2=http://b.example.com:3000", "Auth:Origins:10=*",
            "Auth:ApiKeys:0:Name=billing", "Auth:ApiKeys:0:Key=0123456789abcdef", "Auth:ApiKeys:0:Rights=publish, Admin").Auth;
        Assert.Equal(["https://a.example.com", "http://b.example.com:3000", "*"], auth.Origins, StringComparer.Ordinal);
        Assert.Equal(Rights.Publish | Rights.Admin, Assert.Single(auth.ApiKeys).Rights);
    }

    [Theory]
    [InlineData("0123456789abcdef0123456789abcdef", 32)]
    [InlineData("base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==", 34)]
    [InlineData("base64url:AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", 64)]
    public void A_signing_secret_is_text_or_base64(string text, int bytes)
    {
        var key = Assert.Single(Given.Options($"Auth:Jwt:Keys:0:Secret={text}").Auth.Jwt.Keys);
        Assert.Equal(bytes, JwtKeyOptions.SecretBytes(key.Secret)!.Length);
    }

    [Fact]
    public void Later_sources_win_files_then_environment_then_command_line()
    {
        using var program = new TemporaryFolder();
        using var working = new TemporaryFolder();
        program.Write("appsettings.json", """{"Relay":{"Drain":{"Seconds":1},"WebUi":{"MaxMessages":1},"Metrics":{"Interval":"1s"},"Agents":{"Timeout":"1s"}}}""");
        working.Write("appsettings.json", """{"Relay":{"WebUi":{"MaxMessages":2},"Metrics":{"Interval":"2s"},"Agents":{"Timeout":"2s"}}}""");
        Environment.SetEnvironmentVariable("Relay__Metrics__Interval", "3s");
        Environment.SetEnvironmentVariable("Relay__Agents__Timeout", "3s");
        try
        {
            var configuration = RelayConfiguration.Build(program.Path, working.Path, ["--Relay:Agents:Timeout=4s"]);
            var options = RelayConfiguration.Load(configuration, mostConnections: null).Options;
            Assert.Equal(1, options.Drain.Seconds);
            Assert.Equal(2, options.WebUi.MaxMessages);
            Assert.Equal(TimeSpan.FromSeconds(3), options.Metrics.Interval);
            Assert.Equal(TimeSpan.FromSeconds(4), options.Agents.Timeout);
        }
        finally
        {
            Environment.SetEnvironmentVariable("Relay__Metrics__Interval", null);
            Environment.SetEnvironmentVariable("Relay__Agents__Timeout", null);
        }
    }

    [Fact]
    public void Keys_do_not_care_for_case() => Assert.Equal(7, Given.Options("DRAIN:seconds=7").Drain.Seconds);

    [Fact]
    public void The_rooms_get_what_was_configured()
    {
        var options = Given.Options(
            "Dialects:relay:MaxMessageBytes=128KiB", "Dialects:context:JsonPingInterval=5s", "Namespaces:hooks:HistoryLength=7", "Limits:MaxConnections=50",
            "Limits:UnsentBytes=2MiB", "Cluster:NodeId=node-a", "Compression:Enabled=false", "Auth:Origins:0=https://a.example.com");
        var dialects = options.ForDialects();
        Assert.Equal(128 * 1024, dialects[(int)DialectKind.Relay].Profile.MaxMessageBytes);
        Assert.Equal(128 * 1024, dialects[(int)DialectKind.RelayProtobuf].Profile.MaxMessageBytes);
        Assert.Equal(512, dialects[(int)DialectKind.WebUi].Profile.MaxMessageBytes);
        Assert.Equal(TimeSpan.FromSeconds(5), dialects[(int)DialectKind.Context].Profile.JsonPingInterval);

        var actors = options.ForActors();
        Assert.Equal("node-a", actors.NodeId);
        Assert.Equal(7, actors.For("hooks").HistoryLength);
        Assert.Equal(200, actors.For("users/u1").HistoryLength);
        Assert.Equal(2 << 20, actors.UnsentBytes);

        var server = options.ForWebSockets();
        Assert.Equal(50, server.MaxConnections);
        Assert.False(server.Deflate);
        Assert.Equal(["https://a.example.com"], server.AllowedOrigins, StringComparer.Ordinal);
        Assert.Equal(["http://127.0.0.1:8080", "http://127.0.0.1:8765", "http://127.0.0.1:3849"], options.ForListeners().Select(listener => listener.Url), StringComparer.Ordinal);
    }

    [Fact]
    public void A_node_without_a_name_gets_a_new_one_at_every_start() =>
        Assert.False(Given.Options().ForActors().NodeId.Equals(Given.Options().ForActors().NodeId, StringComparison.Ordinal));
}
