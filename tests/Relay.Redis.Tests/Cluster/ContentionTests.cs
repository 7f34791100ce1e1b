using Relay.Cluster.Engine;
using Relay.Testing;

namespace Relay.Redis.Tests.Cluster;

/// <summary>Engines against each other: what one is told is true while the others do what they want.</summary>
public sealed class ContentionTests
{
    private const int Shards = 6;

    [Fact]
    public async Task A_shard_never_has_two_owners_and_its_fences_only_grow()
    {
        await using var server = await RedisServerProcess.StartAsync();
        var nodes = await Task.WhenAll("abcdef".Select(name => ClusterNode.JoinAsync($"{name}", server)));
        var book = new OwnerBook();
        await Task.WhenAll(nodes.Select((node, i) => ContendAsync(node, nodes, book, new Random(i))));
        Assert.Empty(book.Faults);
        Assert.InRange(book.Taken, 500, int.MaxValue);
        Assert.InRange(book.HandedOver, 100, int.MaxValue);

        // The table agrees with what the nodes have been told.
        foreach (var entry in await nodes[0].TableAsync())
            Assert.Equal(book.Last(entry.Shard), (entry.Owner, entry.Fence));
        foreach (var node in nodes)
            await node.DisposeAsync();
    }

    [Fact]
    public async Task Of_several_that_claim_the_shards_of_a_silent_member_each_shard_goes_to_one()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var a = await ClusterNode.JoinAsync("a", server);
        await using var b = await ClusterNode.JoinAsync("b", server);
        await using var c = await ClusterNode.JoinAsync("c", server);
        int[] all = [.. Enumerable.Range(0, 64)];
        for (var round = 0; round < 20; round++)
        {
            var before = await c.ClaimAsync(all);
            Assert.Equal(all.Length, before.Count);
            var last = new SilentMember(c.Id, c.Beat);
            async Task<IReadOnlyList<OwnedShard>> TakeAsync(ClusterNode node)
            {
                await node.HeartbeatAsync(node.Next() with { Silent = [last] });
                return await node.ClaimAsync(all);
            }

            var (taken, others) = (TakeAsync(a), TakeAsync(b));
            OwnedShard[] after = [.. await taken, .. await others];
            Assert.Equal(all, after.Select(static owned => owned.Shard).Order());
            Assert.True(after.Min(static owned => owned.Fence) > before.Max(static owned => owned.Fence));
            await a.Engine.ReleaseAsync(a.Id, a.Epoch, await taken);
            await b.Engine.ReleaseAsync(b.Id, b.Epoch, await others);
            Assert.Equal(64, (await c.HeartbeatAsync(before)).LostLeases.Count);
        }
    }

    private static async Task ContendAsync(ClusterNode self, ClusterNode[] nodes, OwnerBook book, Random random)
    {
        for (var step = 0; step < 1500; step++)
        {
            var shard = random.Next(Shards);
            if (!book.Holds(shard, self, out var fence))
            {
                if (!book.TryBeginClaim(shard, self))
                    continue;
                foreach (var claimed in (await self.Engine.ClaimAsync(self.Id, self.Epoch, [shard])).Claimed)
                    book.Take(shard, self, claimed.Fence);
                book.EndClaim(shard, self);
            }
            else if (random.Next(2) == 0)
            {
                book.Give(shard);
                await self.Engine.ReleaseAsync(self.Id, self.Epoch, [new OwnedShard(shard, fence)]);
            }
            else
            {
                var to = nodes[random.Next(nodes.Length)];
                if (!book.TryGive(shard, to))
                    continue;
                var answer = await self.HandOverAsync(to, shard, fence);
                if (answer.Outcome == HandOverOutcome.Done)
                    book.HandedOverTo(shard, to, answer.Fence);
                else
                    book.Fault($"{self.Id} could not hand over shard {shard} that it holds: {answer.Outcome}");
            }
        }
    }
}
