using System.Text;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Actors.Tests.Connections;

public sealed class SendQueueTests
{
    private readonly SendQueue _queue = new(new Words());

    [Fact]
    public void Everything_leaves_in_the_order_in_which_it_came()
    {
        _queue.AddBegun("begun "u8);
        Add(WhenSlow.DropOldest, Event(1), Event(2));
        _queue.Add("ack "u8);
        _queue.Add("pong "u8);
        Add(WhenSlow.Conflate, Event(3));
        Assert.Equal("begun 1 2 ack pong 3 ", Take());
        Assert.Equal(0, _queue.Bytes);
    }

    [Fact]
    public void The_oldest_events_are_left_out_and_the_gap_is_told_in_their_place()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(3), Event(4));
        _queue.Add("ack "u8);
        Add(WhenSlow.DropOldest, Event(5), Event(6), Event(7), Event(8));
        Assert.True(_queue.TryMakeRoom(104));
        Assert.Equal(4, _queue.Dropped);
        Assert.Equal("[1-4] ack 5 6 7 8 ", Take());
        Assert.Equal(0, _queue.Bytes);
    }

    [Fact]
    public void A_gap_that_still_waits_grows_instead_of_being_told_twice()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(3), Event(4));
        Assert.True(_queue.TryMakeRoom(60));
        Add(WhenSlow.DropOldest, Event(5), Event(6), Event(7), Event(8));
        Assert.True(_queue.TryMakeRoom(60));
        Assert.Equal("[1-6] 7 8 ", Take());
    }

    [Fact]
    public void A_gap_that_was_written_is_followed_by_another()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(3));
        Assert.True(_queue.TryMakeRoom(32));
        Assert.Equal("[1-2] 3 ", Take());
        Add(WhenSlow.DropOldest, Event(4), Event(5), Event(6));
        Assert.True(_queue.TryMakeRoom(32));
        Assert.Equal("[4-5] 6 ", Take());
    }

    [Fact]
    public void Gaps_name_what_is_missing_and_nothing_that_comes()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2, "task.completed"), Event(3), Event(4, "system.error"), Event(5), Event(6));
        Assert.True(_queue.TryMakeRoom(80));
        Assert.Equal("[1-1] 2 [3-3] 4 [5-6] ", Take());
    }

    [Fact]
    public void Final_states_and_errors_go_only_when_no_ordinary_event_is_left()
    {
        Add(WhenSlow.DropOldest, Event(7, "task.failed"), Event(8, "task.failed"), Event(9));
        Assert.True(_queue.TryMakeRoom(44));
        Assert.Equal("[7-7] 8 [9-9] ", Take());
    }

    [Fact]
    public void Gaps_on_the_two_sides_of_an_answer_are_two()
    {
        // It may be the answer to another subscription of the channel.
        Add(WhenSlow.DropOldest, Event(1), Event(2));
        _queue.Add("ack "u8);
        Add(WhenSlow.DropOldest, Event(3), Event(4), Event(5));
        Assert.True(_queue.TryMakeRoom(52));
        Assert.Equal("[1-2] ack [3-4] 5 ", Take());
    }

    [Fact]
    public void Each_channel_has_its_gaps_in_its_own_places()
    {
        Add(WhenSlow.DropOldest, Event(1, channel: "topics/a"), Event(1, channel: "topics/b"), Event(2, channel: "topics/a"));
        Add(WhenSlow.DropOldest, Event(2, "x.failed", channel: "topics/b"), Event(3, channel: "topics/a"), Event(3, channel: "topics/b"), Event(4, channel: "topics/b"));
        Assert.True(_queue.TryMakeRoom(90));
        Assert.Equal("[a:1-3] [b:1-1] b:2 b:3 b:4 ", Take(withChannels: true));
    }

    [Fact]
    public void Events_that_came_again_in_another_subscription_are_told_again()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(1), Event(2), Event(3));
        Assert.True(_queue.TryMakeRoom(44));
        Assert.Equal("[1-2] [1-2] 3 ", Take());
    }

    [Fact]
    public void Another_life_of_the_channel_has_gaps_of_its_own()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2, epoch: 2), Event(3, epoch: 2), Event(4, epoch: 2));
        Assert.True(_queue.TryMakeRoom(44));
        Assert.Equal("[1-1] [2-3] 4 ", Take());
    }

    [Fact]
    public void Answers_and_begun_frames_are_never_left_out()
    {
        _queue.AddBegun("begun "u8);
        _queue.Add("ack "u8);
        Add(WhenSlow.DropOldest, Event(1), Event(2));
        Assert.False(_queue.TryMakeRoom(12));
        Assert.Equal("begun ack [1-2] ", Take());
    }

    [Fact]
    public void Events_of_a_namespace_that_disconnects_are_not_touched()
    {
        Add(WhenSlow.Disconnect, Event(1), Event(2));
        Assert.False(_queue.TryMakeRoom(20));
        Assert.Equal("1 2 ", Take());
        Assert.Equal(0, _queue.Dropped);
    }

    [Fact]
    public void Conflation_keeps_the_newest_of_each_key_in_order()
    {
        Add(WhenSlow.Conflate, Event(1, key: "a"), Event(2, key: "b"), Event(3, key: "a"));
        Add(WhenSlow.Conflate, Event(4, key: "c"), Event(5, key: "b"));
        Assert.True(_queue.TryMakeRoom(80));
        Assert.Equal("[1-2] 3 4 5 ", Take());
    }

    [Fact]
    public void Conflation_without_keys_keeps_the_newest_of_each_channel()
    {
        Add(WhenSlow.Conflate, Event(1), Event(2), Event(3));
        Assert.True(_queue.TryMakeRoom(40));
        Assert.Equal("[1-2] 3 ", Take());
    }

    [Fact]
    public void Conflation_lets_final_states_stay_and_typing_stand_for_nothing_else()
    {
        Add(WhenSlow.Conflate, Event(1), Event(2, "task.completed"), Event(3), Event(0), Event(0));
        Assert.True(_queue.TryMakeRoom(100));
        Assert.Equal("[1-1] 2 3 0 ", Take());
    }

    [Fact]
    public void When_conflation_does_not_suffice_the_oldest_are_left_out()
    {
        Add(WhenSlow.Conflate, [.. Enumerable.Range(1, 8).Select(static i => Event(i, key: "k" + i))]);
        Assert.True(_queue.TryMakeRoom(80));
        Assert.Equal("[1-5] 6 7 8 ", Take());
    }

    [Fact]
    public void Typing_and_the_like_leave_no_gap()
    {
        Add(WhenSlow.DropOldest, Event(0), Event(1));
        Assert.True(_queue.TryMakeRoom(24));
        Assert.Equal("1 ", Take());
        Assert.Equal(1, _queue.Dropped);
    }

    [Fact]
    public void Where_the_dialect_has_no_words_for_a_gap_none_waits()
    {
        var queue = new SendQueue(new Words(tellsGaps: false));
        queue.Add(Batch(Event(1), Event(2), Event(3)), 0, 3, WhenSlow.DropOldest);
        Assert.True(queue.TryMakeRoom(24));
        Assert.Equal(16, queue.Bytes);
    }

    [Fact]
    public void Gaps_count_as_well_so_that_very_many_channels_end_in_a_refusal()
    {
        // A pattern may hear of any number of channels.
        for (var n = 0; n < 100; n++)
        {
            Add(WhenSlow.DropOldest, Event(1, channel: "topics/" + n));
        }

        Assert.False(_queue.TryMakeRoom(400));
        Assert.True(_queue.Bytes > 400);
    }

    [Fact]
    public void A_gathered_send_ends_behind_the_entry_that_makes_it_enough()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2));
        Add(WhenSlow.DropOldest, Event(3));
        Add(WhenSlow.DropOldest, Event(4));
        var segments = new List<ArraySegment<byte>>();
        Assert.Equal(48, _queue.Take(segments, 100, enough: 40));
        Assert.Equal(2, segments.Count);
    }

    [Fact]
    public void Little_that_waits_does_not_hold_a_large_batch()
    {
        var batch = Batch([.. Enumerable.Range(1, 100).Select(static i => Event(i))]);
        _queue.Add(batch, 40, 42, WhenSlow.DropOldest);
        var segments = new List<ArraySegment<byte>>();
        _queue.Take(segments, 1);
        Assert.Equal(32, segments[0].Array!.Length);
        Assert.Equal("41 42 ", Text(segments));
    }

    /// <summary>
    /// Whatever is left out: answers come all and in their order; events and gaps of each channel together are every offset, each once, in order; events of a namespace
    /// that disconnects are never among the gaps.
    /// </summary>
    [Fact]
    public void Random_traffic_keeps_the_bound_the_order_and_tells_every_missing_offset_once()
    {
        const int Bound = 600;
        var dropped = 0L;
        for (var seed = 0; seed < 1000; seed++)
        {
            var random = new Random(seed);
            var queue = new SendQueue(new Words());
            var written = new StringBuilder();
            var offsets = new int[3];
            var (answers, transients) = (0, 0);
            for (var step = 0; step < 150; step++)
            {
                switch (random.Next(6))
                {
                    case 0:
                        Read(queue, random, written);
                        break;
                    case 1 when random.Next(3) == 0:
                        queue.Add(Encoding.ASCII.GetBytes($"!{++answers} "));
                        break;
                    default:
                        // Disconnecting channels speak little, or they alone would be too much.
                        var policy = random.Next(20) == 0 ? WhenSlow.Disconnect : random.Next(2) == 0 ? WhenSlow.DropOldest : WhenSlow.Conflate;
                        var batch = new List<Publication>();
                        for (var n = random.Next(1, policy == WhenSlow.Disconnect ? 2 : 8); n > 0; n--)
                        {
                            var transient = policy != WhenSlow.Disconnect && random.Next(10) == 0;
                            transients += transient ? 1 : 0;
                            batch.Add(Event(
                                transient ? 0 : ++offsets[(int)policy], random.Next(5) == 0 ? "task.completed" : "x", random.Next(3) == 0 ? null : "k" + random.Next(4), "topics/" + policy));
                        }

                        var from = random.Next(batch.Count);
                        queue.Add(Batch([.. batch]), 0, from, policy);
                        queue.Add(Batch([.. batch]), from, batch.Count, policy);
                        break;
                }

                if (queue.Bytes > Bound && !queue.TryMakeRoom(Bound))
                {
                    // More that may not be left out than fits: the connection would end here.
                    break;
                }

                Assert.InRange(queue.Bytes, 0, Bound);
            }

            while (queue.Bytes > 0)
            {
                Read(queue, random, written);
            }

            dropped += queue.Dropped;
            var words = written.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(Enumerable.Range(1, answers).Select(static n => "!" + n), words.Where(static word => word[0] == '!'));
            foreach (var policy in Enum.GetValues<WhenSlow>())
            {
                var next = 1;
                foreach (var word in words.Where(word => word.Contains(policy + ":", StringComparison.Ordinal) && !word.EndsWith(":0", StringComparison.Ordinal)))
                {
                    var range = word.Trim('[', ']').Split(':')[1].Split('-').Select(int.Parse).ToArray();
                    Assert.True(range[0] == next, $"seed {seed}: {word} where {next} was due");
                    Assert.True(word[0] != '[' || policy != WhenSlow.Disconnect, $"seed {seed}: {word}");
                    next = range[^1] + 1;
                }

                Assert.Equal(offsets[(int)policy], next - 1);
            }
        }

        Assert.True(dropped > 10_000, $"only {dropped} events were left out: the bound does not bite");
    }

    private static void Read(SendQueue queue, Random random, StringBuilder written)
    {
        var segments = new List<ArraySegment<byte>>();
        var before = queue.Bytes;
        queue.Take(segments, random.Next(1, 6), random.Next(1, 200));
        Assert.True(queue.Bytes < before || before == 0);
        written.Append(Text(segments, withChannels: true));
    }

    private static Publication Event(int offset, string name = "x", string? key = null, string channel = "topics/a", ulong epoch = 1) => new()
    {
        Channel = channel,
        Event = name,
        Position = new StreamPosition(new Epoch(epoch), offset),
        TimestampMicros = offset,
        Key = key,
    };

    private static KeptBatch Batch(params Publication[] events) => Words.Encode(events);

    private void Add(WhenSlow policy, params Publication[] events) => _queue.Add(Batch(events), 0, events.Length, policy);

    private string Take(bool withChannels = false)
    {
        var segments = new List<ArraySegment<byte>>();
        _queue.Take(segments, int.MaxValue);
        return Text(segments, withChannels);
    }

    // Channels and padding are left out unless a test has several channels.
    private static string Text(List<ArraySegment<byte>> segments, bool withChannels = false)
    {
        var text = string.Concat(segments.Select(static segment => Encoding.ASCII.GetString(segment))).Replace("_", "", StringComparison.Ordinal);
        return withChannels ? text : text.Replace("a:", "", StringComparison.Ordinal);
    }

    /// <summary>A frame is the event's channel and offset in 16 bytes, e.g. <c>a:7____________ </c>; a gap is <c>[a:1-4] </c> and counts 8 bytes.</summary>
    private sealed class Words(bool tellsGaps = true) : IQueueWords
    {
        public static KeptBatch Encode(Publication[] events)
        {
            var bytes = new List<byte>();
            var ends = new List<int>();
            foreach (var publication in events)
            {
                bytes.AddRange(Encoding.ASCII.GetBytes($"{publication.Channel["topics/".Length..]}:{publication.Position.Offset}".PadRight(15, '_') + " "));
                ends.Add(bytes.Count);
            }

            return new KeptBatch([.. bytes], [.. ends], events);
        }

        public byte[] EncodeGap(string channel, Epoch epoch, long from, long to)
        {
            if (!tellsGaps)
            {
                return [];
            }

            return Encoding.ASCII.GetBytes($"[{channel["topics/".Length..]}:{from}-{to}] ");
        }
    }
}
