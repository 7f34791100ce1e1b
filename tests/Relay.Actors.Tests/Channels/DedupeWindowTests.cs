using Relay.Actors.Channels;

namespace Relay.Actors.Tests;

public sealed class DedupeWindowTests
{
    /// <summary>Against the obvious: a list of what is remembered, oldest first.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(50)]
    [InlineData(10_000)]
    public void It_remembers_what_a_list_of_the_newest_ids_would(int capacity)
    {
        var random = new Random(capacity);
        var window = new DedupeWindow(capacity, TimeSpan.FromSeconds(1));
        var list = new List<(string Scope, string Id, long Offset, long At)>();
        var now = 0L;
        var (known, aged, pushed) = (0, 0, 0);
        for (var offset = 1; offset <= 20_000; offset++)
        {
            now += random.Next(1000);
            aged += list.RemoveAll(entry => now - entry.At >= 1_000_000);
            var scope = random.Next(3) == 0 ? "" : "s" + random.Next(3);
            var number = random.Next(2 * Math.Min(capacity, 2000));
            var id = "id-" + number + new string('x', number % 90);
            var expected = list.FindIndex(entry => entry.Scope == scope && entry.Id == id);
            Assert.Equal(expected < 0, window.TryAdd(scope, id, offset, now, out var first));
            if (expected >= 0)
            {
                known++;
                Assert.Equal(list[expected].Offset, first);
                continue;
            }

            if (list.Count == capacity)
            {
                pushed++;
                list.RemoveAt(0);
            }

            list.Add((scope, id, offset, now));
            Assert.Equal(list.Count, window.Count);
        }

        window.Prune(now + 1_000_000);
        Assert.Equal(0, window.Count);
        Assert.True(known > 0 && (aged > 0 || pushed > 0), $"{known} known, {aged} too old, {pushed} too many");
    }

    [Fact]
    public void Without_room_nothing_is_remembered()
    {
        var window = new DedupeWindow(0, TimeSpan.FromSeconds(1));
        Assert.True(window.TryAdd("", "a", 1, 0, out _));
        Assert.True(window.TryAdd("", "a", 2, 0, out _));
        Assert.Equal(0, window.Count);
    }
}
