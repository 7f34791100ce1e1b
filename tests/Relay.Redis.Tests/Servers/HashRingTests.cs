using System.Globalization;
using Relay.Redis.Servers;

namespace Relay.Redis.Tests.Servers;

/// <summary>Where keys lie on several servers.</summary>
public sealed class HashRingTests
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 20_000).Select(static n => "topics/" + n.ToString(CultureInfo.InvariantCulture))];

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(16)]
    public void Shares_are_within_15_percent_of_even(int servers)
    {
        var ring = Ring(servers);
        var shares = Keys.CountBy(ring.OwnerOf).ToDictionary();
        Assert.Equal(servers, shares.Count);
        Assert.All(shares.Values, share => Assert.InRange(share, 0.85 * Keys.Length / servers, 1.15 * Keys.Length / servers));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void A_server_that_comes_takes_its_share_and_moves_nothing_between_the_others(int servers)
    {
        var (before, after) = (Ring(servers), Ring(servers + 1));
        var moved = Keys.Where(key => before.Names[before.OwnerOf(key)] != after.Names[after.OwnerOf(key)]).ToList();
        Assert.All(moved, key => Assert.Equal($"s{servers}", after.Names[after.OwnerOf(key)]));
        Assert.InRange(moved.Count, 0.85 * Keys.Length / (servers + 1), 1.15 * Keys.Length / (servers + 1));
    }

    [Fact]
    public void Who_takes_the_place_of_an_owner_is_who_owns_without_it_and_what_one_leaves_goes_to_all()
    {
        var ring = Ring(4);
        var heirs = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in Keys.Where(key => ring.Names[ring.OwnerOf(key)] == "s2"))
        {
            var order = ring.OrderOf(key);
            Assert.Equal([0, 1, 2, 3], order.Order());
            Assert.Equal(ring.OwnerOf(key), order[0]);
            var without = new HashRing(ring.Names.Where(static name => name != "s2"));
            Assert.Equal(ring.Names[order[1]], without.Names[without.OwnerOf(key)]);
            heirs.Add(ring.Names[order[1]]);
        }

        Assert.Equal(3, heirs.Count);
    }

    [Fact]
    public void The_order_in_which_servers_are_listed_changes_nothing()
    {
        var (one, other) = (new HashRing(["main", "b", "c"]), new HashRing(["c", "main", "b"]));
        Assert.Equal("b c main", one.ToString());
        Assert.Equal(one.ToString(), other.ToString());
        Assert.All(Keys, key => Assert.Equal(one.OwnerOf(key), other.OwnerOf(key)));
    }

    /// <summary>What lies on servers was placed by it. The expected come from another program: python3, hashlib.sha256, bisect.</summary>
    [Fact]
    public void Places_are_the_same_in_every_version()
    {
        var ring = new HashRing(["main", "b", "c"]);
        string[] keys = ["topics/1", "topics/2", "topics/3", "topics/4", "topics/5", "sessions/a", "agents/ä", ""];
        Assert.Equal("c b main c main b main b", string.Join(' ', keys.Select(key => ring.Names[ring.OwnerOf(key)])));
    }

    [Fact]
    public void Names_that_make_no_ring_are_refused()
    {
        foreach (var names in new string[][] { [], ["a", "a"], ["a b"], [""] })
            Assert.Throws<ArgumentException>(() => new HashRing(names));
    }

    private static HashRing Ring(int servers) => new(Enumerable.Range(0, servers).Select(static n => $"s{n}"));
}
