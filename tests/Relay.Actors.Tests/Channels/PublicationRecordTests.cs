using System.Text;
using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class PublicationRecordTests
{
    [Fact]
    public void An_event_comes_back_from_its_record_as_it_was()
    {
        var publication = new Publication
        {
            Channel = "users/ü",
            Event = "report_chunk · ä",
            Data = "{\"n\":1}"u8.ToArray(),
            Position = new StreamPosition(new Epoch(77), 12),
            TimestampMicros = 1_700_000_000_123_456,
            IdempotencyKey = "id-1",
            Key = "row 7",
            ExpiresMicros = 1_700_000_900_000_000,
            Raw = "{\"target_user_id\":\"ü\"}"u8.ToArray(),
            RawFormat = RawFormat.Updates,
            ExcludedConnection = 5,
        };
        var record = PublicationRecord.Write(publication, "scope");
        Assert.Equal((12, 1_700_000_000_123_456, "id-1", "scope", "row 7"), (record.Offset, record.TimeMicros, record.Id, record.Scope, record.Key));
        var back = PublicationRecord.Read("users/ü", new Epoch(77), record);
        Assert.Equal(
            (publication.Channel, publication.Event, publication.Position, publication.TimestampMicros, publication.IdempotencyKey, publication.Key, publication.ExpiresMicros, publication.RawFormat),
            (back.Channel, back.Event, back.Position, back.TimestampMicros, back.IdempotencyKey, back.Key, back.ExpiresMicros, back.RawFormat));
        Assert.Equal(publication.Data.ToArray(), back.Data.ToArray());
        Assert.Equal(publication.Raw.ToArray(), back.Raw.ToArray());
        Assert.Equal(0, back.ExcludedConnection);
    }

    [Fact]
    public void An_event_without_data_id_and_key_comes_back_without_them()
    {
        var record = PublicationRecord.Write(Make.Event(3, data: ""), "scope");
        Assert.Null(record.Id);
        Assert.Null(record.Scope);
        var back = PublicationRecord.Read("topics/x", Make.Epoch, record);
        Assert.True(back.Data.IsEmpty);
        Assert.True(back.Raw.IsEmpty);
        Assert.Null(back.IdempotencyKey);
        Assert.Null(back.Key);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("row ü")]
    public void An_owner_keeps_a_note_and_a_key_of_its_own_beside_the_event(string? key)
    {
        var publication = new Publication
        {
            Channel = "sessions/x",
            Event = "chat_message",
            Data = "{}"u8.ToArray(),
            Position = new StreamPosition(new Epoch(77), 12),
            TimestampMicros = 5,
            Key = key,
            Raw = "raw"u8.ToArray(),
            RawFormat = RawFormat.Updates,
        };
        var record = PublicationRecord.Write(publication, "scope", "c", "note"u8);
        Assert.Equal("c", record.Key);
        var back = PublicationRecord.Read("sessions/x", new Epoch(77), record, out var note);
        Assert.Equal((key, "chat_message", "{}", "raw", "note"), (back.Key, back.Event, Text(back.Data), Text(back.Raw), Text(note)));
        PublicationRecord.Read("sessions/x", new Epoch(77), PublicationRecord.Write(publication, "scope"), out note);
        Assert.True(note.IsEmpty);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\u0003\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000")]
    [InlineData("\u0002\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0009\u0000\u0000\u0000abc")]
    [InlineData("\u0002\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000")]
    [InlineData("\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000")]
    [InlineData("\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0009\u0000\u0000\u0000abc")]
    public void A_payload_that_this_version_cannot_read_is_said_with_channel_and_offset(string payload)
    {
        var record = new JournalRecord { Offset = 9, TimeMicros = 1, Payload = Encoding.Latin1.GetBytes(payload) };
        var error = Assert.Throws<InvalidDataException>(() => PublicationRecord.Read("topics/x", Make.Epoch, record));
        Assert.Contains("Event 9 of channel 'topics/x'", error.Message, StringComparison.Ordinal);
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
