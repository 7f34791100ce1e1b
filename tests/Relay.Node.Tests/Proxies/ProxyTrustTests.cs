using System.Net;
using Relay.Node.Proxies;

namespace Relay.Node.Tests.Proxies;

public sealed class ProxyTrustTests
{
    private static readonly IPNetwork[] Networks = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("fd00::/8")];

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("6.6.6.6, 192.0.2.7", "192.0.2.7")]
    [InlineData("192.0.2.7, 10.1.1.1, 10.2.2.2", "192.0.2.7")]
    [InlineData("10.1.1.1", "10.1.1.1")]
    [InlineData("192.0.2.7:4711", "192.0.2.7")]
    [InlineData("[2001:db8::7]:4711", "2001:db8::7")]
    [InlineData("2001:db8::7", "2001:db8::7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("unknown", null)]
    [InlineData("192.0.2.7, unknown", null)]
    [InlineData("192.0.2.7, 1", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void S36_the_client_is_the_last_stranger_that_the_proxies_name(string? header, string? client) =>
        Assert.Equal(client, See("10.9.9.9", ForwardedBy.XForwarded, ("X-Forwarded-For", header)).Address?.ToString());

    [Fact]
    public void S36_whoever_is_no_proxy_says_nothing()
    {
        Assert.Equal(default, See("192.0.2.1", ForwardedBy.XForwarded, ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Host", "a"), ("X-Forwarded-Proto", "https")));
        Assert.Equal(default, new ProxyTrust([], ForwardedBy.XForwarded).See(IPAddress.Loopback, static _ => "1.2.3.4"));
        Assert.Equal(default, See("10.9.9.9", ForwardedBy.XForwarded, ("Forwarded", "for=1.2.3.4")));
        Assert.Equal(default, See("10.9.9.9", ForwardedBy.Forwarded, ("X-Forwarded-For", "1.2.3.4")));
    }

    [Fact]
    public void Host_and_scheme_are_those_the_nearest_proxy_wrote()
    {
        var seen = See("::ffff:10.9.9.9", ForwardedBy.XForwarded, ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Host", "evil.example, app.example.com"), ("X-Forwarded-Proto", "ftp, HTTPS"));
        Assert.Equal(new ForwardedClient(IPAddress.Parse("192.0.2.7"), "app.example.com", "https"), seen);
        Assert.Null(See("10.9.9.9", ForwardedBy.XForwarded, ("X-Forwarded-Host", "a/b")).Host);
    }

    [Theory]
    [InlineData("for=192.0.2.7;proto=https;host=app.example.com", "192.0.2.7", "app.example.com", "https")]
    [InlineData("For=\"[2001:db8::7]:4711\" ; Proto=http", "2001:db8::7", null, "http")]
    [InlineData("for=6.6.6.6;host=evil.example, for=192.0.2.7;host=app.example.com, for=10.1.1.1;proto=https", "192.0.2.7", "app.example.com", "https")]
    [InlineData("for=6.6.6.6, for=_hidden;host=app.example.com", null, "app.example.com", null)]
    [InlineData("nonsense", null, null, null)]
    public void Forwarded_is_read_element_by_element_from_the_right(string header, string? client, string? host, string? scheme)
    {
        var seen = See("fd00::1", ForwardedBy.Forwarded, ("Forwarded", header));
        Assert.Equal((client, host, scheme), (seen.Address?.ToString(), seen.Host, seen.Scheme));
    }

    private static ForwardedClient See(string peer, ForwardedBy by, params (string Name, string? Value)[] headers) =>
        new ProxyTrust(Networks, by).See(IPAddress.Parse(peer), name => headers.FirstOrDefault(header => header.Name == name).Value);
}
