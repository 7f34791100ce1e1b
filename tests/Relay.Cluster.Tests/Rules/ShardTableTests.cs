using Relay.Cluster.Engine;
using Relay.Cluster.Rules;

namespace Relay.Cluster.Tests.Rules;

public sealed class ShardTableTests
{
    private static readonly NodeId A = new("a", 1);
    private static readonly NodeId B = new("b", 1);
    private readonly ShardTable _table = new(4);

    [Fact]
    public void Of_one_shard_the_higher_fence_is_the_newer_whatever_comes_first()
    {
        Assert.True(_table.Take(1, B, 8));
        Assert.False(_table.Take(1, A, 7));
        Assert.Equal((B, 8), (_table.Owner(1)!.Value, _table.Fence(1)));
    }

    [Fact]
    public void Under_one_fence_nobody_is_newer_than_somebody()
    {
        Assert.True(_table.Take(1, A, 7));
        Assert.True(_table.Take(1, null, 7));
        Assert.False(_table.Take(1, A, 7));
        Assert.Null(_table.Owner(1));
        Assert.Equal(7, _table.Fence(1));
    }

    [Fact]
    public void What_is_known_already_still_holds() => Assert.True(_table.Take(1, A, 7) && _table.Take(1, A, 7));

    [Fact]
    public void A_shard_that_there_is_not_is_nobodys() => Assert.False(_table.Take(4, A, 7) || _table.Take(-1, A, 7));

    [Fact]
    public void Another_epoch_forgets_all_but_the_highest_fence()
    {
        _table.Begin("one");
        _table.Take(5, [new ShardEntry(0, A, 70), new ShardEntry(1, null, 80)]);
        Assert.Equal(("one", 5, 80), (_table.Epoch, _table.Version, _table.HighestFence));
        _table.Begin("two");
        Assert.Equal(("two", 0, 80), (_table.Epoch, _table.Version, _table.HighestFence));
        Assert.True(_table.Take(0, B, 3));
        _table.Heard(90);
        Assert.Equal(90, _table.HighestFence);
    }

    [Fact]
    public void A_table_that_comes_late_does_not_lower_the_version()
    {
        _table.Take(5, []);
        _table.Take(4, []);
        Assert.Equal(5, _table.Version);
    }
}
