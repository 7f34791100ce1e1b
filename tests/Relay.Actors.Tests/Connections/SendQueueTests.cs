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
        Assert.True(_queue.TryMakeRoom(16));
        Assert.Equal(4, _queue.Dropped);
        Assert.Equal("[1-4] ack 5 6 7 8 ", Take());
    }

    [Fact]
    public void A_gap_that_still_waits_grows_instead_of_being_told_twice()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(3), Event(4));
        Assert.True(_queue.TryMakeRoom(7));
        Add(WhenSlow.DropOldest, Event(5), Event(6), Event(7), Event(8));
        Assert.True(_queue.TryMakeRoom(7));
        Assert.Equal("[1-5] 6 7 8 ", Take());
    }

    [Fact]
    public void A_gap_that_was_written_is_followed_by_another()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2), Event(3));
        Assert.True(_queue.TryMakeRoom(3));
        Assert.Equal("[1-2] 3 ", Take());
        Add(WhenSlow.DropOldest, Event(4), Event(5), Event(6));
        Assert.True(_queue.TryMakeRoom(3));
        Assert.Equal("[4-5] 6 ", Take());
    }

    [Fact]
    public void Final_states_and_errors_stay_as_long_as_ordinary_events_suffice()
    {
        Add(WhenSlow.DropOldest, Event(1), Event(2, "task.completed"), Event(3), Event(4, "system.error"), Event(5), Event(6));
        Assert.True(_queue.TryMakeRoom(6));
        Assert.Equal("[1-6] 2 4 ", Take());
        Add(WhenSlow.DropOldest, Event(7, "task.failed"), Event(8, "task.failed"), Event(9));
        Assert.True(_queue.TryMakeRoom(3));
        Assert.Equal("[7-9] 8 ", Take());
    }

    [Fact]
    public void Answers_and_begun_frames_are_never_left_out()
    {
        _queue.AddBegun("begun "u8);
        _queue.Add("ack "u8);
        Add(WhenSlow.DropOldest, Event(1), Event(2));
        Assert.False(_queue.TryMakeRoom(8));
        Assert.Equal("begun ack [1-2] ", Take());
    }

    [Fact]
    public void Events_of_a_namespace_that_disconnects_are_not_touched()
    {
        Add(WhenSlow.Disconnect, Event(1), Event(2));
        Assert.False(_queue.TryMakeRoom(3));
        Assert.Equal("1 2 ", Take());
        Assert.Equal(0, _queue.Dropped);
    }

    [Fact]
    public void Conflation_keeps_the_newest_of_each_key_in_order()
    {
        Add(WhenSlow.Conflate, Event(1, key: "a"), Event(2, key: "b"), Event(3, key: "a"));
        Add(WhenSlow.Conflate, Event(4, key: "c"), Event(5, key: "b"));
        Assert.True(_queue.TryMakeRoom(9));
        Assert.Equal("[1-2] 3 4 5 ", Take());
    }

    [Fact]
    public void Conflation_without_keys_keeps_the_newest_of_each_channel()
    {
        Add(WhenSlow.Conflate, Event(1), Event(2), Event(3));
        Assert.True(_queue.TryMakeRoom(4));
        Assert.Equal("[1-2] 3 ", Take());
    }

    [Fact]
    public void When_conflation_does_not_suffice_the_oldest_are_left_out()
    {
        Add(WhenSlow.Conflate, [.. Enumerable.Range(1, 8).Select(static i => Event(i, key: "k" + i))]);
        Assert.True(_queue.TryMakeRoom(8));
        Assert.Equal("[1-5] 6 7 8 ", Take());
    }

    [Fact]
    public void Typing_and_the_like_leave_no_gap()
    {
        Add(WhenSlow.DropOldest, Event(0), Event(1));
        Assert.True(_queue.TryMakeRoom(3));
        Assert.Equal("1 ", Take());
        Assert.Equal(1, _queue.Dropped);
    }

    [Fact]
    public void Random_traffic_keeps_the_bound_the_order_and_tells_every_missing_offset()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var queue = new SendQueue(new Words());
            var seen = new List<int>();
            var offset = 0;
            for (var step = 0; step < 60; step++)
            {
                if (random.Next(3) == 0)
                {
                    Read(queue, random.Next(1, 4), seen);
                    continue;
                }

                var events = Enumerable.Range(0, random.Next(1, 6)).Select(_ => Event(++offset, random.Next(4) == 0 ? "task.completed" : "x", "k" + random.Next(3))).ToArray();
                var batch = new Words().Encode(events);
                queue.Add(batch, 0, events.Length, seed % 2 == 0 ? WhenSlow.DropOldest : WhenSlow.Conflate);
                Assert.True(queue.TryMakeRoom(40), $"seed {seed}");
                Assert.InRange(queue.Bytes, 0, 40);
            }

            Read(queue, int.MaxValue, seen);
            Assert.Equal(0, queue.Bytes);
            Assert.Equal(Enumerable.Range(1, offset), seen.Distinct().Order());
        }
    }

    private static void Read(SendQueue queue, int most, List<int> seen)
    {
        var segments = new List<ArraySegment<byte>>();
        queue.Take(segments, most);
        var last = 0;
        foreach (var word in string.Concat(segments.Select(static s => Encoding.ASCII.GetString(s))).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (word[0] == '[')
            {
                var range = word.Trim('[', ']').Split('-').Select(int.Parse).ToArray();
                seen.AddRange(Enumerable.Range(range[0], range[1] - range[0] + 1));
            }
            else
            {
                var offset = int.Parse(word);
                Assert.True(offset > last, "order");
                last = offset;
                seen.Add(offset);
            }
        }
    }

    private static Publication Event(int offset, string name = "x", string? key = null) => new()
    {
        Channel = "topics/a",
        Event = name,
        Position = new StreamPosition(new Epoch(1), offset),
        TimestampMicros = offset,
        Key = key,
    };

    private void Add(WhenSlow policy, params Publication[] events) => _queue.Add(new Words().Encode(events), 0, events.Length, policy);

    private string Take()
    {
        var segments = new List<ArraySegment<byte>>();
        _queue.Take(segments, int.MaxValue);
        return string.Concat(segments.Select(static segment => Encoding.ASCII.GetString(segment)));
    }

    /// <summary>A frame is the event's offset and a space, a gap is [from-to].</summary>
    private sealed class Words : IQueueWords
    {
        public KeptBatch Encode(Publication[] events)
        {
            var bytes = new List<byte>();
            var ends = new List<int>();
            foreach (var publication in events)
            {
                bytes.AddRange(Encoding.ASCII.GetBytes(publication.Position.Offset + " "));
                ends.Add(bytes.Count);
            }

            return new KeptBatch([.. bytes], [.. ends], events);
        }

        public byte[] EncodeGap(string channel, Epoch epoch, long from, long to) => Encoding.ASCII.GetBytes($"[{from}-{to}] ");
    }
}
