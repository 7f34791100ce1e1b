using Relay.Node.WebSockets;

namespace Relay.Node.Tests.WebSockets;

public sealed class OriginPolicyTests
{
    [Theory]
    [InlineData(null, "relay.example.com")]
    [InlineData("http://localhost:3000", "127.0.0.1:8080")]
    [InlineData("https://localhost", "127.0.0.1:8080")]
    [InlineData("http://127.0.0.1:5173", "127.0.0.1:8080")]
    [InlineData("http://127.8.9.10", "127.0.0.1:8080")]
    [InlineData("http://[::1]:3000", "[::1]:8080")]
    [InlineData("http://[::1]", "[::1]:8080")]
    [InlineData("https://relay.example.com", "relay.example.com")]
    [InlineData("https://relay.example.com", "relay.example.com:443")]
    [InlineData("http://relay.example.com", "relay.example.com:80")]
    [InlineData("http://relay.example.com:8080", "relay.example.com:8080")]
    public void No_origin_and_own_and_local_pages_are_allowed(string? origin, string host) => Assert.True(new OriginPolicy([]).Allows(origin, host));

    [Theory]
    [InlineData("http://evil.example")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("https://relay.example.com.evil")]
    [InlineData("https://evilrelay.example.com")]
    [InlineData("HTTPS://relay.example.com")]
    [InlineData("https://RELAY.example.com")]
    [InlineData("https://relay.example.com:444")]
    [InlineData("http://relay.example.com")]
    [InlineData("https://user@relay.example.com")]
    [InlineData("https://relay.example.com/")]
    [InlineData("https://relay.example.com, http://evil.example")]
    [InlineData("file://localhost")]
    [InlineData("localhost")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("http://localhost:x")]
    [InlineData("http://localhost:")]
    [InlineData("http://127.0.0.1.evil.example")]
    [InlineData("http://127.1")]
    [InlineData("http://127.0.0.1@evil.example")]
    [InlineData("http://128.0.0.1")]
    [InlineData("http://[::2]")]
    [InlineData("http://[::1].evil.example")]
    public void Every_other_page_is_refused(string origin) => Assert.False(new OriginPolicy([]).Allows(origin, "relay.example.com:443"));

    [Fact]
    public void A_listed_origin_is_compared_exactly()
    {
        var policy = new OriginPolicy(["https://app.example.com"]);
        Assert.True(policy.Allows("https://app.example.com", "relay:8080"));
        Assert.False(policy.Allows("https://app.example.com:8443", "relay:8080"));
        Assert.False(policy.Allows("https://App.example.com", "relay:8080"));
        Assert.False(policy.Allows("https://app.example.com.evil", "relay:8080"));
    }

    [Fact]
    public void A_star_in_the_list_allows_every_page() => Assert.True(new OriginPolicy(["*"]).Allows("null", "relay:8080"));

    [Fact]
    public void A_missing_host_matches_no_origin() => Assert.False(new OriginPolicy([]).Allows("https://relay.example.com", null));
}
