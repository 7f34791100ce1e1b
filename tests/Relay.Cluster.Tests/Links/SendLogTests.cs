using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

public sealed class SendLogTests
{
    [Fact]
    public void Messages_go_into_frames_whole_and_in_order()
    {
        var log = new SendLog();
        Add(log, 10, 20, 30);
        Assert.Equal(14 + 24, log.Measure(frame: 14 + 24 + 33, window: 1000, out var count));
        Assert.Equal(2, count);
        Assert.Equal([(byte)1, (byte)2], Take(log, 14 + 24, 2));
        Assert.Equal((1, 3, 4, 2), (log.Base, log.Next, log.End, log.SentTo));
        Assert.Equal((72, 38), (log.Kept, log.UnderWay));
        Assert.Equal(34, log.Measure(1000, 1000, out _));
        Assert.Equal([(byte)3], Take(log, 34, 1));
        Assert.Equal(0, log.Measure(1000, 1000, out _));
    }

    [Fact]
    public void A_message_larger_than_a_frame_gets_one_of_its_own()
    {
        var log = new SendLog();
        Add(log, 10, 5000, 10);
        Assert.Equal(14, log.Measure(100, 100_000, out _));
        Take(log, 14, 1);
        Assert.Equal(5004, log.Measure(100, 100_000, out var count));
        Assert.Equal(1, count);
    }

    [Fact]
    public void The_window_bounds_what_is_under_way_unless_nothing_is()
    {
        var log = new SendLog();
        Add(log, 100, 100, 5000);
        Assert.Equal(104, log.Measure(10_000, window: 200, out _));
        Take(log, 104, 1);
        Assert.Equal(0, log.Measure(10_000, window: 200, out _));
        log.Acknowledge(1);
        Assert.Equal(104, log.Measure(10_000, window: 200, out _));
        Take(log, 104, 1);
        log.Acknowledge(2);
        Assert.Equal(5004, log.Measure(10_000, window: 200, out _));
    }

    [Fact]
    public void No_more_than_the_limit_is_kept_but_for_a_single_message()
    {
        var log = new SendLog();
        Assert.True(log.TryAdd(new byte[500], limit: 100));
        Assert.False(log.TryAdd([], limit: 100));
        Take(log, 504, 1);
        log.Acknowledge(1);
        Assert.Equal(0, log.Kept);
        Assert.True(log.TryAdd(new byte[46], limit: 100));
        Assert.True(log.TryAdd(new byte[46], limit: 100));
        Assert.False(log.TryAdd([], limit: 100));
    }

    [Fact]
    public void Going_back_sends_again_from_the_first_that_is_not_acknowledged()
    {
        var log = new SendLog();
        Add(log, 1, 1, 1, 1);
        Take(log, 20, 4);
        Assert.True(log.Acknowledge(2));
        Assert.False(log.Acknowledge(1));
        log.GoBack();
        Assert.Equal((3, 3, 4, 0), (log.Base, log.Next, log.SentTo, log.UnderWay));
        Assert.Equal([(byte)3], Take(log, 5, 1));

        // The acknowledgement of what was sent the first time comes late, from beyond.
        Assert.True(log.Acknowledge(4));
        Assert.Equal((5, 5, 0, 0), (log.Base, log.Next, log.Kept, log.UnderWay));
        Add(log, 1);
        Assert.Equal([(byte)5], Take(log, 5, 1));
    }

    [Fact]
    public void A_log_under_random_use_behaves_like_a_list()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var log = new SendLog();
            var sizes = new List<int>();
            var (acknowledged, next, sent) = (0, 0, 0);
            for (var step = 0; step < 300; step++)
            {
                switch (random.Next(8))
                {
                    case < 4:
                        var size = random.Next(10) == 0 ? random.Next(70_000) : random.Next(3000);
                        Add(log, size);
                        sizes.Add(size);
                        break;
                    case < 6:
                        var bytes = log.Measure(random.Next(60_000), 1_000_000, out var count);
                        Assert.Equal(sizes.Skip(next).Take(count).Sum(static s => s + 4), bytes);
                        var expected = Enumerable.Range(next + 1, count).Select(static n => (byte)n);
                        Assert.Equal(expected, Take(log, bytes, count));
                        next += count;
                        sent = Math.Max(sent, next);
                        break;
                    case 6:
                        var number = random.Next(acknowledged, sent + 1);
                        Assert.Equal(number > acknowledged, log.Acknowledge(number));
                        acknowledged = number;
                        next = Math.Max(next, acknowledged);
                        break;
                    default:
                        log.GoBack();
                        next = acknowledged;
                        break;
                }

                Assert.Equal((acknowledged + 1, next + 1, sizes.Count + 1, sent), (log.Base, log.Next, log.End, log.SentTo));
                Assert.Equal(sizes.Skip(acknowledged).Sum(static s => s + 4L), log.Kept);
                Assert.Equal(sizes.Take(next).Skip(acknowledged).Sum(static s => s + 4L), log.UnderWay);
            }

            log.Clear();
            Assert.Equal((1, 1, 1, 0, 0), (log.Base, log.Next, log.End, log.SentTo, log.Kept));
        }
    }

    // Each message is filled with its number.
    private static void Add(SendLog log, params int[] sizes)
    {
        foreach (var size in sizes)
        {
            var message = new byte[size];
            message.AsSpan().Fill((byte)log.End);
            Assert.True(log.TryAdd(message, long.MaxValue));
        }
    }

    // The numbers found in the messages, of empty ones as well.
    private static List<byte> Take(SendLog log, int bytes, int count)
    {
        var first = log.Next;
        var frame = new byte[bytes];
        log.Take(frame, count);
        var found = new List<byte>();
        ReadOnlySpan<byte> messages = frame;
        for (var i = 0; i < count; i++)
        {
            var message = LinkFrame.Next(ref messages);
            var filling = message.IsEmpty ? (byte)(first + i) : message[0];
            Assert.False(message.ContainsAnyExcept(filling));
            found.Add(filling);
        }

        Assert.True(messages.IsEmpty);
        return found;
    }
}
