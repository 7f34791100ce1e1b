using System.Text;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class EventRingTests
{
    private const int Age = 1000;

    /// <summary>Against the obvious: a list of the events themselves.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300)]
    [InlineData(5000)]
    public void It_gives_back_what_a_list_of_the_newest_events_would(int capacity)
    {
        var random = new Random(capacity);
        var ring = new EventRing(capacity);
        var list = new List<Publication>();
        var now = 0L;
        for (var offset = 1; offset <= 4000; offset++)
        {
            now += random.Next(6);
            var made = Any(random, offset, now);
            ring.Add(made);
            list.Add(made);
            if (list.Count > capacity)
            {
                list.RemoveAt(0);
            }

            if (random.Next(50) == 0)
            {
                list.RemoveAll(one => one.TimestampMicros < now - Age);
                ring.DropBefore(now - Age);
            }

            Assert.Equal(list.Count, ring.Count);
            if (offset % 97 == 0)
            {
                var alive = list.Where(one => one.ExpiresMicros == 0 || one.ExpiresMicros > now).ToList();
                var since = offset - random.Next(400);
                var limit = 1 + random.Next(300);
                Same(list.Where(one => one.Position.Offset > since).Take(limit).Where(alive.Contains), ring.After(since, limit, now));
                Same(alive.TakeLast(limit), ring.Last(limit, now));
                var newest = alive.Count >= limit ? alive[^limit] : list.FirstOrDefault();
                Assert.Equal(newest?.Position.Offset - 1, ring.OffsetBeforeNewest(limit, now));
                Assert.Equal(list.Find(one => one.TimestampMicros >= now - limit)?.Position.Offset - 1, ring.OffsetBefore(now - limit));
                Pages(ring, list, alive, since, new PageBounds(limit, random.Next(20_000)), now);
                Same(alive.Where(static one => one.Event == "e1").TakeLast(limit), ring.Last(limit, now, static name => name == "e1"));
            }
        }
    }

    // Page by page, until nothing follows.
    private static void Pages(EventRing ring, List<Publication> list, List<Publication> alive, long since, PageBounds bounds, long now)
    {
        var from = list.Count == 0 ? since : Math.Max(since, list[0].Position.Offset - 1);
        var read = new List<Publication>();
        for (var at = from; ;)
        {
            var page = ring.Page(at, bounds, now, out var reached);
            Assert.InRange(page.Count, 0, bounds.Events);
            Assert.True(page.Count <= 1 || page.Sum(StoredEvent.Measure) <= bounds.Bytes, "A page is too large");
            Assert.InRange(reached, at, at + bounds.Events);
            Assert.All(page, one => Assert.InRange(one.Position.Offset, at + 1, reached));
            if (reached == at)
            {
                break;
            }

            read.AddRange(page);
            at = reached;
        }

        Same(alive.Where(one => one.Position.Offset > from), read);
    }

    [Fact]
    public void Data_that_is_a_part_of_the_original_frame_is_kept_once()
    {
        var raw = Encoding.UTF8.GetBytes("""{"type":"e","data":{"a":1}}""").AsMemory();
        var whole = Event(1, raw, raw[19..26]);
        var apart = Event(1, raw, raw[19..26].ToArray());
        Assert.Equal(StoredEvent.Measure(apart) - 7, StoredEvent.Measure(whole));
        foreach (var made in new[] { whole, apart })
        {
            var ring = new EventRing(1);
            ring.Add(made);
            Same([made], ring.Last(1, 0));
        }
    }

    [Fact]
    public void A_window_that_slides_allocates_nothing()
    {
        var ring = new EventRing(1000);
        var made = Event(1, new byte[100], default);
        Fill(50_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill(5000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Fill(int events)
        {
            for (var i = 0; i < events; i++)
            {
                ring.Add(made);
            }
        }
    }

    [Fact]
    public void A_channel_that_is_hardly_used_costs_little()
    {
        var ring = new EventRing(1000);
        var made = Event(1, new byte[100], default);
        ring.Add(made);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var other = new EventRing(1000);
        other.Add(made);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 256, 1024);
        Assert.Equal(1, other.Count);
    }

    [Fact]
    public void Without_room_for_an_event_only_the_time_of_the_newest_dropped_is_known()
    {
        var ring = new EventRing(0);
        ring.Add(Make.Event(1, at: 7));
        ring.Add(Make.Event(2, at: 5));
        Assert.Equal((0, 7L, null), (ring.Count, ring.DroppedMicros, ring.Oldest));
        Assert.Empty(ring.After(0, 10, 0));
        Assert.Empty(ring.From(0, 10, 0));
    }

    [Fact]
    public void What_is_too_old_leaves_in_order_up_to_the_first_that_is_not()
    {
        var ring = new EventRing(10);
        Assert.Null(ring.Oldest);
        foreach (var (offset, at) in new[] { (1, 10), (2, 30), (3, 20), (4, 40) })
            ring.Add(Make.Event(offset, at: at));
        ring.DropBefore(10);
        Assert.Equal((4, 0L), (ring.Count, ring.DroppedMicros));
        ring.DropBefore(11);
        Assert.Equal((3, 10L), (ring.Count, ring.DroppedMicros));
        ring.DropBefore(30);
        Assert.Equal(3, ring.Count);
        Assert.Equal(new StreamPosition(Make.Epoch, 2), ring.Oldest!.Position);
        ring.DropBefore(31);
        Assert.Equal((1, 30L), (ring.Count, ring.DroppedMicros));
        ring.DropBefore(1000);
        Assert.Equal((0, 40L, null), (ring.Count, ring.DroppedMicros, ring.Oldest));
        ring.Add(Make.Event(5, at: 50));
        Assert.Equal("5", Offsets(ring.Last(10, 0)));
    }

    /// <summary>Each event is larger than a first piece: the window lies in many, of which the first is half gone. Every third event expired.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(300)]
    [InlineData(3000)]
    [InlineData(40_000)]
    public void Every_way_to_ask_gives_the_same_wherever_the_events_lie(int bytes)
    {
        var ring = new EventRing(20);
        for (var offset = 1; offset <= 33; offset++)
        {
            ring.Add(new Publication
            {
                Channel = "topics/x",
                Event = offset % 5 == 0 ? "five" : "e",
                Data = new byte[bytes],
                Position = new StreamPosition(Make.Epoch, offset),
                TimestampMicros = 10 * offset,
                ExpiresMicros = offset % 3 == 0 ? 400 : 0,
            });
        }

        Assert.Equal((20, 130L, 14L), (ring.Count, ring.DroppedMicros, ring.Oldest!.Position.Offset));
        Assert.Equal("14,16,17", Offsets(ring.After(0, 4, 400)));
        Assert.Equal("14,15,16,17", Offsets(ring.After(0, 4, 399)));
        Assert.Equal("31,32", Offsets(ring.After(29, 100, 400)));
        Assert.Equal("", Offsets(ring.After(33, 100, 400)));
        Assert.Equal("14,16,17,19", Offsets(ring.Range(0, 33, 4, 400)));
        Assert.Equal("17,19,20,22", Offsets(ring.Range(16, 22, 100, 400)));
        Assert.Equal("", Offsets(ring.Range(22, 16, 100, 400)));
        Assert.Equal("29,31,32", Offsets(ring.Last(3, 400)));
        Assert.Equal("14,16,17,19,20,22,23,25,26,28,29,31,32", Offsets(ring.Last(100, 400)));
        Assert.Equal("20,25", Offsets(ring.Last(2, 400, static name => name == "five")));
        Assert.Equal("20,25", Offsets(ring.Last(20, 400, static name => name == "five")));
        Assert.Equal("31,32", Offsets(ring.From(310, 2, 400)));
        Assert.Equal("31", Offsets(ring.From(310, 1, 400)));
        Assert.Equal("31,32", Offsets(ring.From(301, 100, 400)));
        Assert.Equal("14,16", Offsets(ring.From(0, 2, 400)));
        Assert.Equal("", Offsets(ring.From(321, 2, 400)));
    }

    private static string Offsets(IEnumerable<Publication> events) => string.Join(',', events.Select(static one => one.Position.Offset));

    private static Publication Event(long offset, ReadOnlyMemory<byte> raw, ReadOnlyMemory<byte> data) => new()
    {
        Channel = "topics/x",
        Event = "e",
        Position = new StreamPosition(Make.Epoch, offset),
        TimestampMicros = 1,
        Raw = raw,
        RawFormat = RawFormat.Hooks,
        Data = data,
    };

    private static Publication Any(Random random, long offset, long now)
    {
        var data = new byte[random.Next(20) == 0 ? random.Next(50_000) : random.Next(100)];
        random.NextBytes(data);
        return new Publication
        {
            Channel = "topics/x",
            Event = "e" + random.Next(3),
            Data = data,
            Position = new StreamPosition(Make.Epoch, offset),
            TimestampMicros = now,
            Key = random.Next(3) switch { 0 => null, 1 => "", _ => "schlüssel" },
            ExpiresMicros = random.Next(4) == 0 ? now + random.Next(500) + 1 : 0,
            ExcludedConnection = random.Next(2),
        };
    }

    private static void Same(IEnumerable<Publication> expected, List<Publication> actual)
    {
        Assert.Equal(expected.Select(Words), actual.Select(Words));

        static object Words(Publication one) => (
            one.Channel, one.Event, one.Position, one.TimestampMicros, one.Key, one.ExpiresMicros, one.ExcludedConnection, one.RawFormat,
            Convert.ToHexString(one.Data.Span), Convert.ToHexString(one.Raw.Span));
    }
}
