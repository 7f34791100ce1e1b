using System.Text.Json;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Subscribers that come with <c>last_per_key</c> or <c>since_time</c> while others publish, over many schedules: no gap, no repeat.</summary>
public sealed class LastValuesScheduleTests
{
    private const string Channel = "topics/x";
    private const int Publishes = 40;

    [Fact]
    public void Whoever_begins_with_the_last_values_sees_the_fold_up_to_its_ack_and_every_event_behind_it()
    {
        var seen = 0;
        for (var seed = 1; seed <= 60; seed++)
            seen += Play(seed, "\"last_per_key\":true", ExpectedValues);

        Assert.True(seen > 60, "Nobody came in the middle");
    }

    [Fact]
    public void Whoever_begins_at_a_time_sees_every_event()
    {
        for (var seed = 1; seed <= 60; seed++)
            Play(seed, "\"since_time\":0", static (_, ack) => Enumerable.Range(1, (int)ack).Select(static offset => (long)offset));
    }

    private static IEnumerable<long> ExpectedValues(string?[] keys, long ack) => keys.Take((int)ack)
        .Select(static (key, index) => (Key: key, Offset: index + 1L)).Where(static one => one.Key is not null)
        .GroupBy(static one => one.Key).Select(static key => key.Last().Offset).Order();

    private static int Play(int seed, string wish, Func<string?[], long, IEnumerable<long>> expected)
    {
        using var relay = new RelayHarness(seed);
        var random = new Random(seed);
        var keys = Enumerable.Range(0, Publishes).Select(_ => random.Next(4) == 0 ? null : "k" + random.Next(4)).ToArray();
        var publisher = relay.Connect(DialectKind.Relay);
        var subscribers = Enumerable.Range(0, 5).Select(_ => relay.Connect(DialectKind.Relay)).ToList();
        subscribers.ForEach(static one => one.TakeAll());
        foreach (var key in keys)
            publisher.Send($$"""{"type":"publish","channel":"{{Channel}}","event":"e"{{(key is null ? "" : $",\"key\":\"{key}\"")}}}""");

        foreach (var subscriber in subscribers)
        {
            for (var step = random.Next(120); step > 0; step--)
                relay.Step(random);

            subscriber.Send($$"""{"type":"subscribe","channel":"{{Channel}}",{{wish}},"id":"s"}""");
        }

        relay.Settle();
        return subscribers.Count(subscriber => Check(subscriber.TakeAll(), keys, expected, seed));
    }

    // True when the client came while events were on their way.
    private static bool Check(List<string> frames, string?[] keys, Func<string?[], long, IEnumerable<long>> expected, int seed)
    {
        var offsets = frames.ConvertAll(static frame => JsonDocument.Parse(frame).RootElement.GetProperty("offset").GetInt64());
        var ack = offsets[0];
        var behind = Enumerable.Range(1, Publishes).Select(static offset => (long)offset).Where(offset => offset > ack);
        Assert.Contains("\"type\":\"ack\"", frames[0], StringComparison.Ordinal);
        Assert.True(expected(keys, ack).Concat(behind).SequenceEqual(offsets[1..]), $"seed {seed}: ack at {ack}, then {string.Join(',', offsets[1..])}");
        return ack is > 0 and < Publishes;
    }
}
