using Relay.Kernel.Persistence;
using Relay.Storage.Journals;

namespace Relay.Storage.Tests.Journals;

public sealed class RecordFormatTests
{
    private static readonly JournalRecord Full = new()
    {
        Offset = 0x0102, TimeMicros = 0x0304, Scope = "s", Id = "id", Key = "ü", Flags = 0xA0B0C0D0, Payload = new byte[] { 1, 2, 3 },
    };

    [Fact]
    public void The_bytes_of_version_one_never_change()
    {
        var bytes = RecordFormat.ToArray("room/1"u8, Full);

        Assert.Equal("0107D0C0B0A00201000000000000040300000000000001007302006964" + "0200C3BC" + "010203" + "SUM", Convert.ToHexString(bytes[..^4]) + "SUM");
        Assert.Equal(Reference("room/1"u8, bytes.AsSpan(..^4)), BitConverter.ToUInt32(bytes.AsSpan(^4..)));
    }

    [Fact]
    public void Every_flipped_bit_is_found()
    {
        var bytes = RecordFormat.ToArray("room/1"u8, Full);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotNull(RecordFormat.TryRead("room/1"u8, bytes, Full.Offset, out _));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Null(RecordFormat.TryRead("room/1"u8, bytes, Full.Offset, out _));
    }

    [Fact]
    public void Every_length_but_its_own_another_stream_and_another_place_are_found()
    {
        var bytes = RecordFormat.ToArray("room/1"u8, Full);
        for (var length = 0; length < bytes.Length; length++)
            Assert.NotNull(RecordFormat.TryRead("room/1"u8, bytes.AsMemory(0, length), Full.Offset, out _));
        Assert.NotNull(RecordFormat.TryRead("room/2"u8, bytes, Full.Offset, out _));
        Assert.NotNull(RecordFormat.TryRead("room/1"u8, bytes, Full.Offset + 1, out _));
    }

    [Fact]
    public void An_empty_text_is_not_a_missing_one()
    {
        var record = new JournalRecord { Offset = 1, TimeMicros = 1, Id = "", Key = "" };

        Assert.Null(RecordFormat.TryRead("s"u8, RecordFormat.ToArray("s"u8, record), 1, out var read));

        Assert.Equal(("", "", null), (read.Id, read.Key, read.Scope));
    }

    [Fact]
    public void What_is_wrong_is_said()
    {
        var bytes = RecordFormat.ToArray("room/1"u8, Full);
        Assert.Equal("only 25 bytes", Read(bytes[..25]));
        Assert.Equal("its checksum does not fit", Read(bytes[..26]));
        Assert.Equal("it says it has offset 258", RecordFormat.TryRead("room/1"u8, bytes, 259, out _));
        Assert.Equal("format 2 is not known to this version", Read(Signed([2, .. bytes[1..^4]])));

        static string? Read(byte[] record) => RecordFormat.TryRead("room/1"u8, record, Full.Offset, out _);
    }

    [Fact]
    public void The_smallest_record_is_its_head_and_its_sum()
    {
        var bytes = RecordFormat.ToArray("s"u8, new JournalRecord { Offset = 1, TimeMicros = 2 });
        Assert.Equal(26, bytes.Length);
        Assert.Null(RecordFormat.TryRead("s"u8, bytes, 1, out var read));
        Assert.Equal((1, 2, null, null, null, true), (read.Offset, read.TimeMicros, read.Scope, read.Id, read.Key, read.Payload.IsEmpty));
    }

    /// <summary>The sum fits, so whoever wrote it was wrong: a text must not reach into the sum or beyond the end.</summary>
    [Theory]
    [InlineData(1, "", false)]
    [InlineData(1, "00", false)]
    [InlineData(1, "0000", true)]
    [InlineData(1, "0100", false)]
    [InlineData(1, "010061", true)]
    [InlineData(1, "FFFF61", false)]
    [InlineData(2, "00", false)]
    [InlineData(2, "020061", false)]
    [InlineData(4, "00", false)]
    [InlineData(4, "020061", false)]
    [InlineData(7, "010061010062010063", true)]
    [InlineData(7, "0100610100620200", false)]
    public void A_text_that_is_longer_than_the_record_is_found_even_when_the_sum_fits(byte parts, string texts, bool isWell)
    {
        byte[] head = [1, parts, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        var fault = RecordFormat.TryRead("room/1"u8, Signed([.. head, .. Convert.FromHexString(texts)]), 1, out var record);
        Assert.Equal(isWell ? null : "a text is longer than the record", fault);
        Assert.Equal(isWell ? 1 : 0, record.Offset);
    }

    private static byte[] Signed(byte[] bytes) => [.. bytes, .. BitConverter.GetBytes(Reference("room/1"u8, bytes))];

    // CRC-32C bit by bit, as RFC 3720 B.4 gives it.
    private static uint Reference(ReadOnlySpan<byte> name, ReadOnlySpan<byte> bytes)
    {
        var crc = ~0u;
        foreach (var one in (byte[])[.. name, .. bytes])
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
        }

        return ~crc;
    }
}
