using Relay.Node.WebSockets;

namespace Relay.Node.Tests.WebSockets;

public sealed class HostPolicyTests
{
    [Theory]
    [InlineData("relay.example.com", "relay.example.com", true)]
    [InlineData("relay.example.com", "RELAY.example.com:8080", true)]
    [InlineData("relay.example.com", "relay.example.com.evil.example", false)]
    [InlineData("relay.example.com", "evil-relay.example.com", false)]
    [InlineData("relay.example.com", "", false)]
    [InlineData("relay.example.com", null, false)]
    [InlineData("relay.example.com:8443", "relay.example.com:8443", true)]
    [InlineData("relay.example.com:8443", "relay.example.com", false)]
    [InlineData("*.example.com", "a.b.example.com", true)]
    [InlineData("*.example.com", "example.com", false)]
    [InlineData("*.example.com", ".example.com", false)]
    [InlineData("*.example.com", "badexample.com", false)]
    [InlineData("[::1]", "[::1]:8080", true)]
    [InlineData("[::1]", "[::1]", true)]
    [InlineData("192.0.2.1", "192.0.2.1:80", true)]
    [InlineData("192.0.2.1", "192.0.2.11", false)]
    public void Only_the_hosts_listed_pass(string allowed, string? host, bool expected) => Assert.Equal(expected, new HostPolicy([allowed]).Allows(host));

    [Fact]
    public void With_none_listed_all_pass() => Assert.True(new HostPolicy([]).Allows(null));

    [Theory]
    [InlineData("relay.example.com", true)]
    [InlineData("*.example.com", true)]
    [InlineData("[2001:db8::1]:8080", true)]
    [InlineData("", false)]
    [InlineData("*", false)]
    [InlineData("*.", false)]
    [InlineData("a.*.com", false)]
    [InlineData("https://a.com", false)]
    [InlineData("a.com/path", false)]
    public void What_can_be_configured_is_a_host(string text, bool valid) => Assert.Equal(valid, HostPolicy.IsValid(text));
}
