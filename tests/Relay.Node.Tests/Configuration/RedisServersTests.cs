using Relay.Redis.Servers;

namespace Relay.Node.Tests.Configuration;

/// <summary>Redis as several independent servers: <c>Redis:Servers:{name}</c>.</summary>
public sealed class RedisServersTests
{
    [Fact]
    public void Without_further_servers_there_is_one_that_does_everything()
    {
        Assert.Empty(Given.Options().Redis.Servers);
        var only = Assert.Single(Given.Options("Redis:Endpoints=a").Redis.Servers);
        Assert.Equal((RedisServers.MainName, true), (only.Name, only.Shares));
    }

    [Fact]
    public void Further_servers_have_names_and_take_rights_and_times_from_the_first_unless_their_address_says_otherwise()
    {
        var servers = Given.Options(
            "Redis:Endpoints=rediss://u:p@a:1/3", "Redis:CommandTimeout=7s", "Redis:TlsCaFile=ca.pem", "Redis:Share=false", "Redis:Servers:C:Endpoints=rediss://c:3", "Redis:Servers:b:Endpoints=rediss://v:q@b:2/4",
            "Redis:Servers:b:Share=false").Redis.Servers;
        Assert.Equal([("main", false), ("b", false), ("c", true)], servers.Select(static server => (server.Name, server.Shares)));
        var (b, c) = (servers[1].Connection, servers[2].Connection);
        Assert.Equal(("b:2", "v", "q", 4, "Relay:Redis:Servers:b:Endpoints"), (b.Endpoints[0].ToString(), b.User!, b.Password!, b.Database, b.EndpointsKey));
        Assert.Equal(("c:3", "u", "p", 0), (c.Endpoints[0].ToString(), c.User!, c.Password!, c.Database));
        Assert.All(servers, static server => Assert.Equal((true, "ca.pem", TimeSpan.FromSeconds(7)), (server.Connection.Tls, server.Connection.TlsCaFile!, server.Connection.CommandTimeout)));
        Assert.All(servers, static server => Assert.Empty(server.Connection.Validate()));
    }

    [Fact]
    public void Each_may_have_Sentinels_of_its_own_or_those_of_the_first()
    {
        var redis = Given.Options(
            "Redis:Endpoints=s:1,t:1", "Redis:Sentinel=m", "Redis:SentinelUser=u", "Redis:SentinelPassword=x", "Redis:Servers:b:Sentinel=m-b", "Redis:Servers:c:Endpoints=v:1", "Redis:Servers:c:Sentinel=m",
            "Redis:Servers:d:Endpoints=d:1").Redis;
        Assert.Equal(["s:1,t:1 m", "s:1,t:1 m-b", "v:1 m", "d:1 "], redis.Servers.Select(static server => $"{string.Join(',', server.Connection.Endpoints)} {server.Connection.Sentinel}"), StringComparer.Ordinal);
        Assert.Equal([1, 1, 1, 0], redis.Servers.Select(server => redis.WaitReplicasOf(server.Connection)));
        Assert.Equal(["u", "u", "u", null], redis.Servers.Select(static server => server.Connection.SentinelUser), StringComparer.Ordinal);
        Assert.All(redis.Servers, static server => Assert.Empty(server.Connection.Validate()));
    }

    [Theory]
    [InlineData("Redis:Servers:main:Endpoints", "Redis:Servers:main", "Redis:Endpoints=a", "Redis:Servers:main:Endpoints=b")]
    [InlineData("Redis:Endpoints", "one server", "Redis:Servers:b:Endpoints=b")]
    [InlineData("Redis:Servers:b:Endpoints", "needs an address", "Redis:Endpoints=a", "Redis:Servers:b:Sentinel=m")]
    [InlineData("Redis:Servers:b:Endpoints", "same server as 'main'", "Redis:Endpoints=a:1,c:1", "Redis:Servers:b:Endpoints=c:1")]
    [InlineData("Redis:Servers:b:Endpoints", "all or none", "Redis:Endpoints=rediss://a", "Redis:Servers:b:Endpoints=b")]
    [InlineData("Redis:Servers:b:Endpoints", "port", "Redis:Endpoints=a", "Redis:Servers:b:Endpoints=b:0")]
    [InlineData("Redis:Share", "no server is left", "Redis:Endpoints=a", "Redis:Share=false")]
    [InlineData("Redis:Servers:b:Endpoint", "did you mean", "Redis:Endpoints=a", "Redis:Servers:b:Endpoints=b", "Redis:Servers:b:Endpoint=b")]
    public void What_cannot_work_is_told_by_its_key(string key, string text, params string[] settings)
    {
        var problem = Given.Problem(settings);
        Assert.StartsWith(problem.Key, key, StringComparison.Ordinal);
        Assert.Contains(text, problem.ToString(), StringComparison.Ordinal);
    }
}
