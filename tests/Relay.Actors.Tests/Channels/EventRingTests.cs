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
                Same(alive.Where(static one => one.Event == "e1").TakeLast(limit), ring.Last(limit, now, static name => name == "e1"));
            }
        }
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
