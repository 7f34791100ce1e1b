using System.Text;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>The bytes of one event in memory.</summary>
public sealed class StoredEventTests
{
    private static readonly Publication Full = new()
    {
        Channel = "topics/x",
        Event = "ë",
        Data = "{\"a\":1}"u8.ToArray(),
        Position = new StreamPosition(Make.Epoch, 9),
        TimestampMicros = 0x0102,
        Key = "kü",
        ExpiresMicros = 0x0304,
        Raw = "raw"u8.ToArray(),
        RawFormat = RawFormat.Hooks,
        ExcludedConnection = 0x0506,
    };

    [Fact]
    public void Every_field_has_its_place()
    {
        Assert.Equal(
            "40000000" + "0201000000000000" + "0403000000000000" + "0605000000000000" + "02000000" + "03000000" + "03000000" + "03000000" + "07000000" + "02"
            + "C3AB" + "6BC3BC" + "726177" + "7B2261223A317D",
            Convert.ToHexString(Stored(Full)));
    }

    [Fact]
    public void It_comes_back_as_it_was_but_for_its_publish_id()
    {
        var stored = Stored(Full);
        Assert.Equal((64, 0x0102L, "ë"), (StoredEvent.LengthOf(stored), StoredEvent.TimeOf(stored), StoredEvent.NameOf(stored)));
        var back = StoredEvent.Read(stored, Full.Channel, Full.Position);
        Assert.Equal(
            ("topics/x", "ë", Full.Position, 0x0102L, "kü", 0x0304L, RawFormat.Hooks, 0x0506L),
            (back.Channel, back.Event, back.Position, back.TimestampMicros, back.Key, back.ExpiresMicros, back.RawFormat, back.ExcludedConnection));
        Assert.Equal(("{\"a\":1}", "raw"), (Text(back.Data), Text(back.Raw)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void An_empty_key_is_not_a_missing_one(string? key)
    {
        var back = StoredEvent.Read(Stored(Event("ab"u8.ToArray(), "c"u8.ToArray(), key)), "topics/x", default);
        Assert.Equal((key, "ab", "c"), (back.Key, Text(back.Raw), Text(back.Data)));
    }

    /// <summary>Data shares memory with raw; only where it lies within it is it kept once.</summary>
    [Theory]
    [InlineData(2, 4, 2, 4, true)]
    [InlineData(2, 4, 2, 1, true)]
    [InlineData(2, 4, 5, 1, true)]
    [InlineData(2, 4, 3, 2, true)]
    [InlineData(2, 4, 1, 4, false)]
    [InlineData(2, 4, 1, 6, false)]
    [InlineData(2, 4, 5, 2, false)]
    [InlineData(2, 4, 2, 5, false)]
    [InlineData(2, 4, 6, 2, false)]
    [InlineData(2, 4, 0, 2, false)]
    public void Data_is_kept_once_only_where_it_is_a_part_of_the_frame(int rawAt, int rawLength, int dataAt, int dataLength, bool once)
    {
        var memory = "01234567"u8.ToArray().AsMemory();
        var made = Event(memory.Slice(rawAt, rawLength), memory.Slice(dataAt, dataLength), key: null);
        Assert.Equal(49 + 1 + rawLength + (once ? 0 : dataLength), StoredEvent.Measure(made));
        var back = StoredEvent.Read(Stored(made), "topics/x", default);
        Assert.Equal((Text(made.Raw), Text(made.Data)), (Text(back.Raw), Text(back.Data)));
    }

    [Theory]
    [InlineData(0, long.MaxValue, true)]
    [InlineData(10, 9, true)]
    [InlineData(10, 10, false)]
    [InlineData(10, 11, false)]
    public void It_is_alive_until_its_time_is_over(long expires, long now, bool alive) =>
        Assert.Equal(alive, StoredEvent.IsAlive(Stored(Make.Event(1, expires: expires)), now));

    private static Publication Event(ReadOnlyMemory<byte> raw, ReadOnlyMemory<byte> data, string? key) =>
        new() { Channel = "topics/x", Event = "e", Position = default, TimestampMicros = 0, Raw = raw, Data = data, Key = key };

    private static byte[] Stored(Publication publication)
    {
        // Whatever it stands in was another event's before.
        var place = new byte[StoredEvent.Measure(publication)];
        Array.Fill(place, (byte)0xEE);
        StoredEvent.Write(publication, place);
        return place;
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
