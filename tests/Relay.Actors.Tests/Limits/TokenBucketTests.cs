using Relay.Actors.Limits;

namespace Relay.Actors.Tests.Limits;

public sealed class TokenBucketTests
{
    private static readonly Rate TenPerSecond = new(10, TimeSpan.FromSeconds(2));
    private readonly long _start = TimeSpan.FromHours(1).Ticks;
    private TokenBucket _bucket;

    [Fact]
    public void A_burst_of_two_seconds_passes_at_once_and_then_one_each_tenth_of_a_second()
    {
        Assert.Equal(20, Taken(_start, 100));
        Assert.Equal(0, Taken(After(0.05), 100));
        Assert.Equal(1, Taken(After(0.1), 100));
        Assert.Equal(9, Taken(After(1), 100));
        Assert.Equal(20, Taken(After(100), 100));
    }

    [Fact]
    public void A_refusal_takes_nothing_and_says_when_it_would_pass()
    {
        Taken(_start, 20);
        Assert.False(_bucket.TryTake(TenPerSecond, _start, 5, out var wait));
        Assert.Equal(TimeSpan.FromSeconds(0.5), wait);
        Assert.False(_bucket.TryTake(TenPerSecond, After(0.49), 5, out _));
        Assert.True(_bucket.TryTake(TenPerSecond, After(0.5), 5, out _));
    }

    [Fact]
    public void A_batch_larger_than_the_bucket_passes_when_it_is_full_and_is_paid_for_afterwards()
    {
        Assert.True(_bucket.TryTake(TenPerSecond, _start, 100, out _));
        Assert.False(_bucket.TryTake(TenPerSecond, After(7), 1, out _));
        Assert.True(_bucket.TryTake(TenPerSecond, After(8.1), 1, out _));
        Assert.False(_bucket.IsFull(After(9)));
        Assert.True(_bucket.IsFull(After(10.1)));
    }

    [Fact]
    public void What_was_used_already_is_paid_for_with_a_pause()
    {
        Assert.Equal(TimeSpan.Zero, _bucket.Spend(TenPerSecond, _start, 20));
        Assert.Equal(TimeSpan.FromSeconds(1), _bucket.Spend(TenPerSecond, _start, 10));
        Assert.Equal(TimeSpan.Zero, _bucket.Spend(TenPerSecond, After(60), 10));
    }

    [Fact]
    public void A_rate_that_is_raised_counts_at_once_and_no_rate_refuses_nothing()
    {
        Taken(_start, 100);
        Assert.False(_bucket.TryTake(TenPerSecond, _start, 1, out _));
        Assert.True(_bucket.TryTake(new Rate(1000, TimeSpan.FromSeconds(10)), _start, 1, out _));
        Assert.True(_bucket.TryTake(Rate.None, _start, 1_000_000, out _));
    }

    [Fact]
    public void Threads_that_share_a_bucket_get_no_more_than_it_holds()
    {
        var share = new Share();
        var rate = new Rate(1000, TimeSpan.FromSeconds(1));
        var taken = 0;
        Parallel.For(0, 4000, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => Interlocked.Add(ref taken, share.TryPublish(rate, _start, 1, out var _) ? 1 : 0));
        Assert.Equal(1000, taken);
    }

    private long After(double seconds) => _start + TimeSpan.FromSeconds(seconds).Ticks;

    private int Taken(long now, int tries)
    {
        var taken = 0;
        for (var i = 0; i < tries; i++)
        {
            taken += _bucket.TryTake(TenPerSecond, now, 1, out _) ? 1 : 0;
        }

        return taken;
    }
}
