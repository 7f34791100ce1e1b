using System.Text;
using Relay.Bench.Load;
using Relay.Bench.Measure;

namespace Relay.Bench.Tests;

public class CheckerTests
{
    [Theory]
    [InlineData("0 1 2 3", "ok ok ok ok", 4, 0)]
    [InlineData("0 2 3", "ok ok ok", 4, 1)]
    [InlineData("0 1", "ok ok", 4, 2)]
    [InlineData("0 0 1", "ok dup ok", 2, 0)]
    [InlineData("1 0 0", "ok late dup", 2, 0)]
    [InlineData("0 3 2 1 2", "ok ok late late dup", 4, 0)]
    [InlineData("9 5 0 9 4 5", "ok late late dup late dup", 10, 6)]
    public void Deliveries_are_told_apart_and_what_never_came_is_counted(string numbers, string kinds, long published, long missing)
    {
        var checker = new StreamChecker();
        var seen = numbers.Split(' ').Select(text => checker.Observe(long.Parse(text), out _) switch
        {
            DeliveryKind.InOrder => "ok",
            DeliveryKind.OutOfOrder => "late",
            _ => "dup",
        });
        Assert.Equal(kinds, string.Join(' ', seen));
        Assert.Equal(missing, checker.MissingOf(published));
        Assert.Equal(numbers.Split(' ').Distinct(StringComparer.Ordinal).Count(), checker.Received);
    }

    [Fact]
    public void A_delivery_that_comes_thousands_later_is_late_once_and_then_a_duplicate()
    {
        var checker = new StreamChecker();
        for (var number = 0; number < 10_000; number++)
        {
            if (number != 7)
            {
                checker.Observe(number, out _);
            }
        }

        Assert.Equal(1, checker.MissingOf(10_000));
        Assert.Equal(DeliveryKind.OutOfOrder, checker.Observe(7, out _));
        Assert.Equal(DeliveryKind.Duplicate, checker.Observe(7, out _));
        Assert.Equal(0, checker.MissingOf(10_000));
    }

    [Fact]
    public void Any_order_of_deliveries_with_losses_and_repeats_adds_up()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var checker = new StreamChecker();
            var seen = new HashSet<long>();
            for (var i = 0; i < 100; i++)
            {
                var number = random.NextInt64(40);
                var kind = checker.Observe(number, out _);
                Assert.Equal(seen.Contains(number), kind == DeliveryKind.Duplicate);
                Assert.Equal(seen.Count > 0 && number < seen.Max() && !seen.Contains(number), kind == DeliveryKind.OutOfOrder);
                seen.Add(number);
                Assert.Equal(45 - seen.Count, checker.MissingOf(45));
            }
        }
    }

    [Fact]
    public void Positions_must_follow_each_other_in_one_epoch()
    {
        var checker = new PositionChecker();
        Assert.True(PositionChecker.TryRead(Event("k3j9x2ab", 41), out var start));
        checker.Begin(start);
        foreach (var (epoch, offset) in new[] { ("k3j9x2ab", 42), ("k3j9x2ab", 45), ("k3j9x2ab", 45), ("k3j9x2ab", 43), ("k3j9x2ab", 46), ("zzzzzzzz", 1), ("zzzzzzzz", 2) })
        {
            checker.Observe(Event(epoch, offset));
        }

        checker.Observe("{\"id\":\"msg_x\",\"channel\":\"topics/a\",\"event\":\"e\",\"timestamp\":1}"u8);
        Assert.Equal((2, 2, 1, 1), (checker.Gaps, checker.Repeats, checker.EpochChanges, checker.Absent));
    }

    [Fact]
    public void A_position_is_read_behind_a_payload_that_looks_like_one()
    {
        var frame = "{\"data\":{\"epoch\":\"00000001\",\"offset\":7},\"epoch\":\"k3j9x2ab\",\"offset\":8,\"key\":\"a\"}"u8;
        Assert.True(PositionChecker.TryRead(frame, out var position));
        Assert.Equal(("k3j9x2ab", 8), (position.Epoch.ToString(), position.Offset));
    }

    [Fact]
    public void A_mark_is_found_in_any_envelope_and_only_by_its_own_run()
    {
        var marker = new Marker(0xBEEF);
        var mark = new byte[Marker.Length];
        marker.Write(mark, 123_456, 987_654_321_012);
        var frame = Encoding.UTF8.GetBytes($"~r~r0000beef {{\\\"x\\\":\\\"{Encoding.ASCII.GetString(mark)}\\\"}}");
        Assert.True(marker.TryFind(frame, out var number, out var intended));
        Assert.Equal((123_456, 987_654_321_012), (number, intended));
        Assert.False(new Marker(1).TryFind(frame, out _, out _));
        Assert.False(marker.TryFind(mark.AsSpan(0, Marker.Length - 1), out _, out _));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(1, 4)]
    [InlineData(5, 3)]
    public void Streams_number_every_publish_exactly_once(int channels, int publishers)
    {
        var map = new StreamMap(channels, publishers);
        const int Published = 97;
        var counts = new Dictionary<(int, int), long>();
        for (long number = 0; number < Published; number++)
        {
            var stream = (map.ChannelOf(number), map.PublisherOf(number));
            Assert.Equal(counts.GetValueOrDefault(stream), map.IndexOf(number));
            Assert.Equal(number, map.NumberOf(stream.Item1, stream.Item2, map.IndexOf(number)));
            counts[stream] = counts.GetValueOrDefault(stream) + 1;
        }

        Assert.Equal(channels * publishers, counts.Count);
        Assert.All(counts, stream => Assert.Equal(stream.Value, map.CountOf(stream.Key.Item1, stream.Key.Item2, Published)));
        Assert.Equal(0, map.CountOf(channels - 1, publishers - 1, 0));
    }

    [Fact]
    public void The_window_opens_again_when_the_last_subscriber_has_the_publish()
    {
        var ledger = new WindowLedger(2);
        Assert.True(ledger.TryOpen(0, 2));
        Assert.True(ledger.TryOpen(1, 2));
        Assert.False(ledger.TryOpen(2, 2));
        Assert.False(ledger.Settle(1));
        Assert.True(ledger.Settle(1));
        Assert.Equal(1, ledger.Open);
        Assert.True(ledger.TryOpen(2, 2));
        Assert.Equal(2, ledger.ReleaseAll());
        Assert.Equal(0, ledger.Open);
        Assert.False(ledger.Settle(0));
        Assert.Equal(0, ledger.Open);
    }

    private static byte[] Event(string epoch, long offset) =>
        Encoding.UTF8.GetBytes($"{{\"id\":\"msg_x\",\"channel\":\"topics/a\",\"event\":\"e\",\"timestamp\":1,\"epoch\":\"{epoch}\",\"offset\":{offset}}}");
}
