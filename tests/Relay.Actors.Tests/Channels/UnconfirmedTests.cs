using Relay.Actors.Channels;
using Relay.Kernel;

namespace Relay.Actors.Tests;

/// <summary>What waits for the journal, as plain data.</summary>
public sealed class UnconfirmedTests
{
    private readonly Unconfirmed _waiting = new();

    [Fact]
    public void Batches_leave_in_their_order_whatever_the_order_of_the_results()
    {
        Assert.Equal((true, true, null), (_waiting.IsEmpty, _waiting.IsSettled, _waiting.Doubt));
        Assert.Equal([1L, 2L, 3L], new[] { Add(1), Add(2), Add(3) });
        Assert.Equal((false, false), (_waiting.IsEmpty, _waiting.IsSettled));
        _waiting.Settle(3, null);
        _waiting.Settle(2, null);
        AssertNothingToTake();
        Assert.False(_waiting.IsSettled);
        _waiting.Settle(1, null);
        Assert.True(_waiting.IsSettled);
        Assert.Equal([1L, 2L, 3L], new[] { Take().Tag, Take().Tag, Take().Tag });
        AssertNothingToTake();
        Assert.Equal((true, null), (_waiting.IsEmpty, _waiting.Doubt));
    }

    [Fact]
    public void A_batch_leaves_with_its_events_and_the_answers_that_joined_it_last()
    {
        Assert.False(_waiting.TryAttach([Reply(9)]));
        Add(1);
        Add(2);
        Assert.True(_waiting.TryAttach([Reply(3), Reply(4)]));
        _waiting.Settle(1, null);
        _waiting.Settle(2, null);
        Assert.True(_waiting.TryTake(out var events, out var replies));
        Assert.Equal((1L, 1L), (Assert.Single(events).Position.Offset, Assert.Single(replies).Batch.Tag));
        Assert.True(_waiting.TryTake(out events, out replies));
        Assert.Equal(2, Assert.Single(events).Position.Offset);
        Assert.Equal([2L, 3L, 4L], replies.Select(static one => one.Batch.Tag));
        Assert.False(_waiting.TryAttach([Reply(9)]));
    }

    [Fact]
    public void The_first_failure_is_the_doubt_and_what_is_left_is_owed_an_answer()
    {
        Add(1);
        Add(2);
        Add(3);
        _waiting.Settle(1, null);
        _waiting.Settle(2, "first");
        _waiting.Settle(3, "second");
        Assert.Equal(("first", true), (_waiting.Doubt, _waiting.IsSettled));
        Assert.Equal(1, Take().Tag);
        AssertNothingToTake();
        Assert.Equal([2L, 3L], _waiting.Abandon().Select(static one => one.Batch.Tag));
        Assert.Equal((true, true, null), (_waiting.IsEmpty, _waiting.IsSettled, _waiting.Doubt));
        Assert.Empty(_waiting.Abandon());
        Assert.Equal(4, Add(4));
    }

    [Fact]
    public void A_doubt_from_elsewhere_does_not_replace_the_one_there_is()
    {
        _waiting.Fail("one");
        _waiting.Fail("two");
        Assert.Equal("one", _waiting.Doubt);
        Add(1);
        _waiting.Settle(1, "three");
        Assert.Equal("one", _waiting.Doubt);
    }

    private static PublishReply Reply(long tag) => new(new PublishBatch { Channel = "topics/x", Items = [], Tag = tag }, [], 0, ActorRefs.Nobody);

    private long Add(long tag) => _waiting.Add([Make.Event(tag)], [Reply(tag)]);

    private PublishBatch Take()
    {
        Assert.True(_waiting.TryTake(out _, out var replies));
        return Assert.Single(replies).Batch;
    }

    private void AssertNothingToTake()
    {
        Assert.False(_waiting.TryTake(out var events, out var replies));
        Assert.Empty(events);
        Assert.Empty(replies);
    }
}
