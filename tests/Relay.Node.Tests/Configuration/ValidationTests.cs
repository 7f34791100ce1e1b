using Relay.Actors.Channels;
using Microsoft.Extensions.Configuration;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

public sealed class ValidationTests
{
    [Theory]
    [InlineData("Listeners:main:Url=ftp://127.0.0.1:1", "http://")]
    [InlineData("Listeners:main:Url=http://127.0.0.1", "no port")]
    [InlineData("Listeners:main:Url=http://127.0.0.1:70000", "port")]
    [InlineData("Listeners:main:Url=http://127.0.0.1:80/path", "path")]
    [InlineData("Listeners:main:Url=http://relay.example.com:80", "IP address")]
    [InlineData("Listeners:main:Url=http://1:80", "IP address")]
    [InlineData("Listeners:main:Url=http://[127.0.0.1]:80", "IP address")]
    [InlineData("Listeners:main:Url=https://127.0.0.1:8443", "certificate")]
    [InlineData("Listeners:main:Tls:Certificate=x.pem", "https://")]
    [InlineData("Listeners:main:Dialect=hook", "did you mean hooks")]
    [InlineData("Listeners:second:Dialect=auto", "needs an address")]
    [InlineData("Listeners:a b:Url=http://127.0.0.1:1", "letters")]
    [InlineData("Listeners:second:Url=http://127.0.0.1:8080", "'main'")]
    [InlineData("Redis:Endpoints=host:port", "port")]
    [InlineData("Redis:Endpoints=http://host", "scheme")]
    [InlineData("Redis:Database=-1", "whole number")]
    [InlineData("Redis:ConnectTimeout=5", "30s")]
    [InlineData("Redis:Sentinel=mymaster", "no Sentinel is named")]
    [InlineData("Redis:Updates:Group=", "empty")]
    [InlineData("Redis:Updates:Streams=updates:stream", "needs Redis:Endpoints")]
    [InlineData("Redis:Updates:MaxTries=0", "not a whole number from 1 to 1000")]
    [InlineData("Postgres:Bridge:MaxTries=0", "not a whole number from 1 to 1000")]
    [InlineData("Postgres:Connection=nonsense", "connection string")]
    [InlineData("Postgres:Connection=Database=relay", "Host")]
    [InlineData("Postgres:Bridge:NotifyChannel=a b", "identifier")]
    [InlineData("Postgres:Bridge:Outbox=a;drop table b", "identifier")]
    [InlineData("Postgres:Bridge:Outbox=a.b.c", "identifier")]
    [InlineData("Namespaces:user:HistoryLength=1", "did you mean users")]
    [InlineData("Namespaces:users:HistoryLength=many", "whole number")]
    [InlineData("Namespaces:users:HistoryLength=1000001", "1000000")]
    [InlineData("Namespaces:users:HistoryAge=10", "30s")]
    [InlineData("Namespaces:users:HistoryAge=1ms", "between")]
    [InlineData("Namespaces:users:DedupeWindow=x", "duration")]
    [InlineData("Namespaces:users:DedupeIds=-1", "whole number")]
    [InlineData("Namespaces:sessions:Durability=redis", "needs a Redis")]
    [InlineData("Namespaces:users:Durability=redis", "needs a Redis")]
    [InlineData("Namespaces:users:Durability=disk", "not one of")]
    [InlineData("Namespaces:users:WhenSlow=dropNewest", "not one of")]
    [InlineData("Namespaces:users:Presence=off", "true nor false")]
    [InlineData("Limits:SessionResumeWindow=120", "30s")]
    [InlineData("Namespaces:users:Publish=noone", "usual, anyone, authenticated, own, nobody")]
    [InlineData("Namespaces:users:ReadHistory=true", "usual, anyone, authenticated, own, nobody")]
    [InlineData("Dialects:websocket:PingInterval=1s", "known are")]
    [InlineData("Dialects:webui:MaxMessageBytes=1", "between")]
    [InlineData("Dialects:relay:PingInterval=2h", "between")]
    [InlineData("Dialects:relay:IdleTimeout=25s", "longer than PingInterval")]
    [InlineData("Dialects:hooks:JsonPingInterval=5s", "only clients of context")]
    [InlineData("Auth:Required=yes", "true nor false")]
    [InlineData("Auth:Jwt:JwksUrl=https://id.example.com/jwks", "Issuer or Auth:Jwt:Audience")]
    [InlineData("Auth:Jwt:JwksUrl=id.example.com/jwks", "absolute")]
    [InlineData("Auth:Jwt:ClockSkew=1h", "not between")]
    [InlineData("Auth:Jwt:LongestLife=1s", "not between")]
    [InlineData("Auth:Hosts:0=https://relay.example.com", "Host header")]
    [InlineData("Proxies:Networks:0=10.0.0.0/33", "network")]
    [InlineData("Proxies:Networks:0=proxy", "network")]
    [InlineData("Proxies:Headers=both", "x-forwarded, forwarded")]
    [InlineData("Listeners:main:ProxyProtocol=required", "Proxies:Networks:0")]
    [InlineData("Auth:Jwt:Keys:0:Kid=a", "needs its secret")]
    [InlineData("Auth:Jwt:Keys:first:Kid=a", "numbered")]
    [InlineData("Auth:Jwt:Keys:0:Secret=tooshort", "32")]
    [InlineData("Auth:Jwt:Keys:0:Secret=base64:%%%", "base64")]
    [InlineData("Auth:Jwt:Keys:0:Secret=base64url:AAAA", "3 bytes")]
    [InlineData("Auth:Origins:0=https://app.example.com/", "origin")]
    [InlineData("Auth:Origins:0=app.example.com", "origin")]
    [InlineData("Auth:Origins:0=https://App.example.com", "origin")]
    [InlineData("Auth:Origins:0=https://app.example.com:443", "origin")]
    [InlineData("Auth:Origins:0=https://user@app.example.com", "origin")]
    [InlineData("Limits:MaxConnections=-1", "whole number")]
    [InlineData("Limits:MaxFragments=-5", "whole number")]
    [InlineData("Limits:InflatedBytes=1GiB", "between")]
    [InlineData("Limits:MaxConnectionsPerAddress=many", "whole number")]
    [InlineData("Limits:BytesPerSecond=1KiB", "neither 0 nor at least 16KiB")]
    [InlineData("Limits:MemoryBudget=1MiB", "neither 0 nor at least 64MiB")]
    [InlineData("Limits:QueueDelay=1h", "neither 0 nor between")]
    [InlineData("Namespaces:topics:PublishesPerSecond=-1", "whole number")]
    [InlineData("Limits:MaxSubscriptionsPerConnection=0", "whole number")]
    [InlineData("Limits:UnsentBytes=1", "between")]
    [InlineData("Limits:UnsentBytes=3GiB", "between")]
    [InlineData("Limits:UnsentBytesWithoutResume=x", "size")]
    [InlineData("Limits:MessageDeadline=0", "between")]
    [InlineData("Limits:HandshakeTimeout=1h", "between")]
    [InlineData("Limits:MaxInFlightPublishes=0", "whole number")]
    [InlineData("Limits:MaxRequestBodyBytes=1", "between")]
    [InlineData("Compression:Enabled=1", "true nor false")]
    [InlineData("Compression:Threshold=x", "size")]
    [InlineData("WebUi:AutoCreateSession=maybe", "true nor false")]
    [InlineData("WebUi:SessionTtl=24", "24h")]
    [InlineData("WebUi:MaxMessages=0", "whole number")]
    [InlineData("Agents:Backend=kafka", "not one of echo, redis, http")]
    [InlineData("Agents:Backend=redis", "needs a Redis")]
    [InlineData("Agents:Backend=http", "needs an address")]
    [InlineData("Agents:Http:Url=example.com", "absolute")]
    [InlineData("Agents:Redis:List=", "empty")]
    [InlineData("Agents:Timeout=0", "between")]
    [InlineData("Metrics:Interval=0", "between")]
    [InlineData("Drain:Seconds=25s", "whole number")]
    [InlineData("Testing:Echo=on", "true nor false")]
    [InlineData("Cluster:Name=a {b}", "letters")]
    [InlineData("Cluster:Shards=0", "1 to 4096")]
    [InlineData("Cluster:MovesAtOnce=many", "1 to 64")]
    [InlineData("Cluster:NodeId=a b", "letters")]
    [InlineData("Storage:Path= ", "must not be empty")]
    [InlineData("Server:EventLoops=0", "neither auto nor off")]
    [InlineData("Server:EventLoops=many", "neither auto nor off")]
    [InlineData("Limits:UnsendBytes=1MiB", "did you mean Relay:Limits:UnsentBytes")]
    [InlineData("UnsentBytes=1MiB", "did you mean Relay:Limits:UnsentBytes")]
    [InlineData("Listeners:main:Urls=http://127.0.0.1:1", "did you mean Relay:Listeners:main:Url?")]
    [InlineData("Elephant=1", "unknown key")]
    [InlineData("Auth:Origins=https://app.example.com", "did you mean Relay:Auth:Origins:0")]
    public void A_mistake_is_told_with_its_key_and_what_is_wrong(string setting, string expected)
    {
        var problem = Given.Problem(setting).ToString();
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.StartsWith("Relay:", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cluster_needs_a_redis() =>
        Assert.Equal("Redis:Endpoints", Given.Problem("Cluster:Enabled=true").Key);

    [Fact]
    public void Chat_sessions_of_a_cluster_survive_a_move_unless_somebody_says_otherwise_which_is_refused()
    {
        Assert.Equal(Durability.Memory, Given.Options().Namespaces["sessions"].Durability);
        Assert.Equal(Durability.Redis, Given.Options("Cluster:Enabled=true", "Redis:Endpoints=127.0.0.1:6379").Namespaces["sessions"].Durability);
        var problem = Given.Problem("Cluster:Enabled=true", "Redis:Endpoints=127.0.0.1:6379", "Namespaces:sessions:Durability=memory");
        Assert.Equal("Namespaces:sessions:Durability", problem.Key);
    }

    [Fact]
    public void Nodes_of_a_cluster_do_not_keep_events_in_a_file_of_their_own() => Assert.Contains(
        "SQLite is a file of one node",
        Given.Problem("Cluster:Enabled=true", "Redis:Endpoints=127.0.0.1:6379", "Namespaces:topics:Durability=sql").ToString(),
        StringComparison.Ordinal);

    [Fact]
    public void A_mistake_says_how_to_set_the_key_in_both_forms()
    {
        var problem = Given.Problem("Limits:UnsentBytes=lots");
        Assert.Equal(
            "Relay:Limits:UnsentBytes = \"lots\": not a size; write 1MiB, 64KiB or a number of bytes\n"
                + "    set it with  Relay__Limits__UnsentBytes=1MiB  or  --Relay:Limits:UnsentBytes=1MiB",
            problem.ToString());
    }

    [Fact]
    public void All_mistakes_come_out_at_once()
    {
        var problems = Given.Keys(
            "Limits:UnsentBytes=lots", "Drain:Seconds=soon", "Auth:Required=yes", "Namespaces:users:Durability=disk", "Unknown:Key=1").Problems;
        Assert.Equal(
            ["Auth:Required", "Drain:Seconds", "Limits:UnsentBytes", "Namespaces:users:Durability", "Unknown:Key"],
            problems.Select(problem => problem.Key).Order(StringComparer.Ordinal),
            StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("HS512")]
    [InlineData("EdDSA")]
    public void Only_three_algorithms_are_known(string value) =>
        Assert.Contains("HS256, RS256, ES256", Given.Problem($"Auth:Jwt:Keys:0:Alg={value}", "Auth:Jwt:Keys:0:Secret=0123456789abcdef0123456789abcdef").Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("Alg=RS256", "Secret=0123456789abcdef0123456789abcdef", "is not for RS256")]
    [InlineData("Alg=HS256", "PublicKeyPem=x", "is not for HS256")]
    [InlineData("Alg=ES256", "Kid=a", "needs its public key")]
    [InlineData("Alg=ES256", "PublicKeyPem=nonsense", "PEM")]
    [InlineData("Alg=ES256", "File=/nowhere/key.pem", "/nowhere/key.pem")]
    public void A_key_of_each_algorithm_needs_its_own_kind_of_material(string algorithm, string material, string expected) =>
        Assert.Contains(expected, Given.Problem("Auth:Jwt:Keys:0:" + algorithm, "Auth:Jwt:Keys:0:" + material).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_key_set_over_http_from_elsewhere_must_be_wanted_aloud()
    {
        const string Url = "Auth:Jwt:JwksUrl=http://id.example.com/jwks";
        Assert.Contains("JwksInsecure", Given.Problem(Url, "Auth:Jwt:Issuer=a").Text, StringComparison.Ordinal);
        Assert.Empty(Given.Keys(Url, "Auth:Jwt:Issuer=a", "Auth:Jwt:JwksInsecure=true").Problems);
        Assert.Empty(Given.Keys("Auth:Jwt:JwksUrl=http://127.0.0.1:9/jwks", "Auth:Jwt:Audience=a").Problems);
        Assert.Empty(Given.Keys("Auth:Jwt:JwksUrl=https://id.example.com/jwks", "Auth:Jwt:Audience=a").Problems);
    }

    [Theory]
    [InlineData("Auth:ApiKeys:0:Hash=sha256:abc", "64 hexadecimal")]
    [InlineData("Auth:ApiKeys:0:Channels=topics/a*", "neither a channel's name nor a pattern")]
    public void What_stands_in_place_of_a_key_or_narrows_it_is_checked(string setting, string expected) =>
        Assert.Contains(expected, Given.Keys("Auth:ApiKeys:0:Name=billing", setting.Contains("Hash", StringComparison.Ordinal) ? "Auth:ApiKeys:0:Rights=publish" : "Auth:ApiKeys:0:Key=0123456789abcdef", setting).Problems[0].ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://0.0.0.0:8080")]
    [InlineData("http://*:8080")]
    [InlineData("http://[::]:8080")]
    [InlineData("http://192.168.1.4:8080")]
    public void A_listener_open_to_the_network_needs_sign_in_or_that_said_aloud(string url)
    {
        Assert.Contains("AllowAnonymous=true", Given.Problem($"Listeners:main:Url={url}").Text, StringComparison.Ordinal);
        Assert.Empty(Given.Keys($"Listeners:main:Url={url}", "Auth:AllowAnonymous=true").Problems);
        Assert.Empty(Given.Keys($"Listeners:main:Url={url}", "Auth:Required=true").Problems);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("http://127.8.9.1:8080")]
    [InlineData("http://localhost:8080")]
    [InlineData("http://[::1]:8080")]
    [InlineData("http://127.0.0.1:0/")]
    public void A_listener_on_loopback_needs_neither(string url) => Assert.Empty(Given.Keys($"Listeners:main:Url={url}").Problems);

    [Fact]
    public void Sign_in_required_and_anonymous_allowed_contradict() =>
        Assert.Equal("Auth:AllowAnonymous", Given.Problem("Auth:Required=true", "Auth:AllowAnonymous=true").Key);

    [Fact]
    public void Turning_off_every_listener_is_a_mistake() =>
        Assert.Contains("turned off", Given.Problem("Listeners:main:Url=", "Listeners:hooks:Url=", "Listeners:context:Url=").Text, StringComparison.Ordinal);

    [Fact]
    public void One_port_on_every_interface_and_on_loopback_is_one_port_too_many()
    {
        var problem = Given.Problem("Listeners:main:Url=http://*:8765", "Auth:AllowAnonymous=true");
        Assert.Equal("Listeners:hooks:Url", problem.Key);
        Assert.Equal("http://127.0.0.1:0", problem.Example);
    }

    [Fact]
    public void Two_keys_of_one_kid_or_name_are_a_mistake()
    {
        const string Secret = "0123456789abcdef0123456789abcdef";
        Assert.Contains("'a'", Given.Problem($"Auth:Jwt:Keys:0:Kid=a", $"Auth:Jwt:Keys:0:Secret={Secret}", "Auth:Jwt:Keys:1:Kid=a", $"Auth:Jwt:Keys:1:Secret={Secret}").Text, StringComparison.Ordinal);
        Assert.Contains("'b'", Given.Problem("Auth:ApiKeys:0:Name=b", $"Auth:ApiKeys:0:Key={Secret}", "Auth:ApiKeys:1:Name=b", $"Auth:ApiKeys:1:Key={Secret}").Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Auth:ApiKeys:0:Key=0123456789abcdef", "name")]
    [InlineData("Auth:ApiKeys:0:Name=billing", "missing")]
    public void An_api_key_needs_name_and_key(string setting, string expected) =>
        Assert.Contains(expected, Given.Problem(setting).Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("Rights=publish,admn", "did you mean admin")]
    [InlineData("Rights=", "no right")]
    public void An_api_key_has_known_rights(string setting, string expected) => Assert.Contains(
        expected,
        Given.Problem("Auth:ApiKeys:0:Name=billing", "Auth:ApiKeys:0:Key=0123456789abcdef", "Auth:ApiKeys:0:" + setting).Text,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("Redis:Endpoints=redis://user:hunter2@host:99999")]
    [InlineData("Redis:Pasword=hunter2")]
    [InlineData("Postgres:Connection=Password=ab;hunter2=ef")]
    [InlineData("Postgres:Connection=Password=hunter2;Port=x;Host=h")]
    [InlineData("Auth:Jwt:Keys:0:Secret=hunter2")]
    [InlineData("Auth:Jwt:Keys:0:Secrets=hunter2")]
    [InlineData("Agents:Http:Url=ftp://user:hunter2@host")]
    public void A_secret_is_not_printed_even_when_it_is_wrong_or_its_key_is(string setting)
    {
        var problems = Given.Keys(setting).Problems;
        Assert.NotEmpty(problems);
        Assert.All(problems, problem => Assert.DoesNotContain("hunter2", problem.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void A_wrong_api_key_is_shown_as_its_mask()
    {
        var problem = Given.Problem("Auth:ApiKeys:0:Name=billing", "Auth:ApiKeys:0:Key=hunter2");
        Assert.Equal(Secret.Mask, problem.Value);
    }

    [Fact]
    public void Redis_keys_that_contradict_each_other_are_told()
    {
        Assert.Equal("Redis:Password", Given.Problem("Redis:Endpoints=h:1", "Redis:User=u").Key);
        Assert.Equal("Redis:Endpoints", Given.Problem("Redis:Endpoints=h:1", "Redis:TlsCaFile=ca.pem").Key);
        Assert.Equal("Redis:TlsSkipVerify", Given.Problem("Redis:Endpoints=rediss://h:1", "Redis:TlsCaFile=ca.pem", "Redis:TlsSkipVerify=true").Key);
        Assert.Equal("Redis:Updates:DeadLetters", Given.Problem("Redis:Endpoints=a", "Redis:Updates:Streams=s,d", "Redis:Updates:DeadLetters=d").Key);
        Assert.Empty(Given.Keys("Redis:Endpoints=a", "Redis:Updates:Streams=s,d", "Redis:Updates:DeadLetters={stream}:graves").Problems);
    }

    [Fact]
    public void More_connections_than_the_file_limit_allows_are_refused()
    {
        static ConfigurationResult Load(int? most) => RelayConfiguration.Load(
            new ConfigurationBuilder().AddInMemoryCollection([new("Relay:Limits:MaxConnections", "1000")]).Build(), most);
        Assert.Contains("999", Assert.Single(Load(999).Problems).Text, StringComparison.Ordinal);
        Assert.Empty(Load(1000).Problems);
        Assert.Empty(Load(null).Problems);
    }

    [Theory]
    [InlineData("WS_PORT=port")]
    [InlineData("WS_PORT=65536")]
    [InlineData("WS_PORT=-1")]
    [InlineData("HOST=my-machine")]
    public void A_wrong_WS_PORT_or_HOST_is_told_by_its_own_name(string setting)
    {
        var problem = Assert.Single(Given.Raw(setting).Problems);
        Assert.StartsWith(setting[..setting.IndexOf('=', StringComparison.Ordinal)], problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_list_in_a_file_is_no_unknown_key() => Assert.Empty(Given.Keys("Auth:Origins=", "Auth:ApiKeys=").Problems);
}
