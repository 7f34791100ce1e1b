using System.Net;
using Microsoft.AspNetCore.Http;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.Telemetry;

namespace Relay.Node.Tests.Telemetry;

public sealed class MetricsDoorTests
{
    private const string Scraper = "scraper-key-0123456789";
    private const string Publisher = "publisher-key-0123456789";
    private const string Admin = "admin-key-0123456789";

    [Theory]
    [InlineData("127.0.0.1", "localhost:8080", 200)]
    [InlineData("127.0.0.1", "127.0.0.1:8080", 200)]
    [InlineData("::1", "[::1]:8080", 200)]
    [InlineData("::ffff:127.0.0.1", "localhost", 200)]
    [InlineData("127.0.0.1", "evil.example.com", 401)]
    [InlineData("10.1.2.3", "relay", 200)]
    [InlineData("::ffff:10.1.2.3", "relay", 200)]
    [InlineData("11.1.2.3", "relay", 401)]
    [InlineData("2001:db8::1", "relay", 401)]
    [InlineData(null, "localhost", 401)]
    public void This_machine_and_configured_networks_need_no_key(string? remote, string host, int status) =>
        Assert.Equal(status, Decide(remote, host));

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Forwarded")]
    [InlineData("X-Real-IP")]
    [InlineData("Via")]
    public void What_came_through_a_proxy_needs_a_key(string header)
    {
        Assert.Equal(401, Decide("127.0.0.1", "localhost", header: header));
        Assert.Equal(401, Decide("10.1.2.3", "relay", header: header));
        Assert.Equal(200, Decide("10.1.2.3", "relay", Scraper, header));
    }

    [Theory]
    [InlineData(Scraper, 200)]
    [InlineData(Admin, 200)]
    [InlineData(Publisher, 403)]
    [InlineData("wrong", 401)]
    public void A_key_needs_the_right_wherever_it_comes_from(string key, int status)
    {
        Assert.Equal(status, Decide("203.0.113.9", "relay", key));
        Assert.Equal(status, Decide("127.0.0.1", "localhost", key));
    }

    private static int Decide(string? remote, string host, string? key = null, string? header = null)
    {
        var auth = new AuthOptions
        {
            ApiKeys = [new("scraper", new Secret(Scraper), Rights.Metrics), new("publisher", new Secret(Publisher), Rights.Publish | Rights.Subscribe), new("admin", new Secret(Admin), Rights.Admin)],
        };
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString(host);
        if (key is not null)
        {
            context.Request.Headers.Authorization = "Bearer " + key;
        }

        if (header is not null)
        {
            context.Request.Headers[header] = "203.0.113.9";
        }

        var door = new MetricsDoor(new MetricsOptions { Networks = [IPNetwork.Parse("10.0.0.0/8")] }, new Authenticator(auth, TimeProvider.System), new CertificateHolders([]));
        return door.Decide(context.Request, remote is null ? null : IPAddress.Parse(remote));
    }
}
