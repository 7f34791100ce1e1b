using Relay.Actors.Explain;

namespace Relay.Actors.Tests.Explain;

public sealed class BoundedRingTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(1_000)]
    [InlineData(100_000)]
    public void Whatever_is_added_it_keeps_the_newest_and_stays_within_its_bytes(int maxBytes)
    {
        var random = new Random(maxBytes);
        var ring = new BoundedRing<AckText>(maxBytes);
        var all = new List<int>();
        for (var i = 0; i < 20_000; i++)
        {
            ring.Add(new AckText { Number = i, Text = new string('x', random.Next(100) == 0 ? random.Next(500) : 8) });
            all.Add(i);
            Assert.True(ring.Bytes <= maxBytes, $"{ring.Bytes} of {maxBytes} after {i}");
            Assert.True(ring.Count <= all.Count);
        }

        var kept = ring.Find(static _ => true).ConvertAll(static entry => entry.Number);
        Assert.Equal(all[^kept.Count..], kept);
        Assert.Equal(ring.Count, kept.Count);
        Assert.Equal(maxBytes >= 1_000, kept.Count > 0);
        if (maxBytes == 100_000)
        {
            // Entries of 16 bytes and texts of 8 characters: most of the room is used.
            Assert.InRange(kept.Count, 700, 1_000);
        }
    }

    [Fact]
    public void What_is_asked_for_comes_oldest_first_and_no_more_than_asked_the_newest_of_them()
    {
        var ring = new BoundedRing<AckText>(10_000);
        ring.Add([.. Enumerable.Range(0, 10).Select(static i => new AckText { Number = i, Text = "" })]);
        Assert.Equal([1, 3, 5, 7, 9], ring.Find(static entry => entry.Number % 2 == 1).ConvertAll(static entry => entry.Number));
        Assert.Equal([7, 9], ring.Find(static entry => entry.Number % 2 == 1, 2).ConvertAll(static entry => entry.Number));
        Assert.Equal(0, ring.Oldest!.Value.Number);
    }

    private struct AckText : ITextBearer
    {
        public int Number;
        public string Text;

        public readonly int Characters => Text.Length;
    }
}
