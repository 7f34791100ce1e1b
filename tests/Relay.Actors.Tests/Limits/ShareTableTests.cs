using System.Net;
using Relay.Actors.Limits;

namespace Relay.Actors.Tests.Limits;

public sealed class ShareTableTests
{
    private static readonly Rate OnePerSecond = new(1, TimeSpan.FromSeconds(1));

    [Fact]
    public void As_many_connections_as_may_be_and_one_more_when_one_has_ended()
    {
        var table = new ShareTable<string>(10);
        Assert.NotNull(table.TryHold("ann", 2));
        Assert.NotNull(table.TryHold("ann", 2));
        Assert.Null(table.TryHold("ann", 2));
        Assert.NotNull(table.TryHold("bob", 2));
        table.Release("ann", 0);
        Assert.NotNull(table.TryHold("ann", 2));
        Assert.Null(table.TryHold("ann", 2));
        Assert.NotNull(table.TryHold("ann", 0));
    }

    [Fact]
    public void Who_leaves_and_comes_back_finds_its_bucket_as_it_left_it()
    {
        var table = new ShareTable<string>(10);
        Assert.True(table.TryHold("ann", 1)!.TryPublish(OnePerSecond, 0, 1, out _));
        table.Release("ann", 0);
        Assert.False(table.TryHold("ann", 1)!.TryPublish(OnePerSecond, 0, 1, out _));
    }

    [Fact]
    public void An_attacker_with_many_addresses_makes_it_forget_but_not_grow()
    {
        var table = new ShareTable<AddressKey>(100);
        var held = Enumerable.Range(0, 50).Select(static i => new AddressKey((ulong)i, IsV6: true)).ToList();
        held.ForEach(key => table.TryHold(key, 1));
        for (var i = 1000; i < 100_000; i++)
        {
            table.Touch(new AddressKey((ulong)i, IsV6: true), i);
            Assert.InRange(table.Count, 51, 250);
        }

        Assert.All(held, key => Assert.Null(table.TryHold(key, 1)));
    }

    [Fact]
    public void Whoever_has_not_been_here_for_two_minutes_is_forgotten()
    {
        var table = new ShareTable<string>(1000);
        for (var i = 0; i < 100; i++)
        {
            table.Touch("user" + i, 0);
        }

        table.Touch("ann", TimeSpan.FromMinutes(1).Ticks);
        table.Touch("bob", TimeSpan.FromMinutes(2).Ticks);
        Assert.InRange(table.Count, 1, 2);
    }

    [Theory]
    [InlineData("203.0.113.7", "203.0.113.7", false)]
    [InlineData("::ffff:203.0.113.7", "203.0.113.7", false)]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", false)]
    [InlineData("10.1.2.3", "10.1.2.3", true)]
    [InlineData("127.0.0.9", "127.0.0.9", true)]
    [InlineData("172.16.0.1", "172.16.0.1", true)]
    [InlineData("172.31.255.255", "172.31.255.255", true)]
    [InlineData("172.32.0.1", "172.32.0.1", false)]
    [InlineData("192.168.3.4", "192.168.3.4", true)]
    [InlineData("192.169.3.4", "192.169.3.4", false)]
    [InlineData("169.254.1.1", "169.254.1.1", true)]
    [InlineData("100.64.0.1", "100.64.0.1", true)]
    [InlineData("100.127.255.1", "100.127.255.1", true)]
    [InlineData("100.128.0.1", "100.128.0.1", false)]
    [InlineData("::1", "::/64", true)]
    [InlineData("fd12:3456::1", "fd12:3456::/64", true)]
    [InlineData("fe80::1", "fe80::/64", true)]
    [InlineData("fec0::1", "fec0::/64", false)]
    public void Addresses_count_by_what_one_subscriber_is_given(string address, string key, bool isPrivate)
    {
        var found = AddressKey.Of(IPAddress.Parse(address));
        Assert.Equal(key, found.ToString());
        Assert.Equal(isPrivate, found.IsPrivate);
    }

    [Fact]
    public void All_addresses_of_one_ipv6_subscriber_are_one() =>
        Assert.Equal(AddressKey.Of(IPAddress.Parse("2001:db8::1")), AddressKey.Of(IPAddress.Parse("2001:db8::ffff:1")));
}
