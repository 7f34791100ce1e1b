using Relay.Kernel.Persistence;
using Relay.Storage.Journals;
using Relay.Storage.Tests.Support;

namespace Relay.Storage.Tests.Journals;

/// <summary>What is thrown back at the caller before any store sees it: the exact bounds.</summary>
public sealed class WriteCheckTests
{
    private readonly WriteCheck _check = new(new JournalLimits { RecordBytes = 200_000 });

    [Fact]
    public void Writes_are_measured_by_their_records()
    {
        var batch = Make.Append("s", 1, 3);
        Assert.Equal((3, batch.Records.Sum(static record => (long)RecordFormat.Measure(record))), _check.Of(batch));
        Assert.Equal((1, 0L), _check.Of(Make.Open("s")));
        Assert.Equal((1, 0L), _check.Of(new PruneStream { Stream = "s" }));
        Assert.Equal((1, 0L), _check.Of(new RenewStream { Stream = "s", Epoch = 1 }));
        Assert.Equal((1, 5L), _check.Of(Save("s", 5)));
        Assert.Equal((1, 0L), _check.Of(new SnapshotWrite.Delete("s")));
    }

    [Fact]
    public void A_name_has_1_to_1024_bytes_of_utf8_and_no_nul()
    {
        _check.Of(Make.Open(new string('a', 1024)));
        _check.Of(Make.Open(new string('ü', 512)));
        Refuses(Make.Open(new string('a', 1025)), "1 to 1024 bytes");
        Refuses(Make.Open(new string('ü', 513)), "1 to 1024 bytes");
        Refuses(Make.Open(""), "1 to 1024 bytes");
        Refuses(Make.Open("a\0b"), "no NUL");
        Refuses(new SnapshotWrite.Delete(""), "1 to 1024 bytes");
        Refuses(Save("", 1), "1 to 1024 bytes");
    }

    [Fact]
    public void An_epoch_is_never_0()
    {
        Refuses(Make.Open("s", epoch: 0), "an epoch is not 0");
        Refuses(new RenewStream { Stream = "s", Epoch = 0 }, "an epoch is not 0");
    }

    [Fact]
    public void An_append_has_records_whose_offsets_follow_each_other_from_1_on()
    {
        Refuses(new AppendBatch { Stream = "s", Epoch = 1, Records = [] }, "at least one record");
        Refuses(Make.Append("s", 0, 2), "offsets begin with 1");
        Refuses(new AppendBatch { Stream = "s", Epoch = 1, Records = [Make.Record(1), Make.Record(3)] }, "record 1 has offset 3 where 2 comes next");
        Refuses(new AppendBatch { Stream = "s", Epoch = 1, Records = [Make.Record(4), Make.Record(5), Make.Record(5)] }, "record 2 has offset 5 where 6 comes next");
    }

    [Theory]
    [InlineData("scope")]
    [InlineData("id")]
    [InlineData("key")]
    public void A_text_has_at_most_65535_bytes_because_two_bytes_tell_its_length(string part)
    {
        _check.Of(With(new string('a', 65_535)));
        _check.Of(With(new string('€', 21_845)));
        Refuses(With(new string('a', 65_536)), "at most 65535 bytes each");
        Refuses(With(new string('€', 21_846)), "at most 65535 bytes each");

        AppendBatch With(string text) => Make.Append("s", 1, record: offset => part switch
        {
            "scope" => Make.Record(offset) with { Scope = text },
            "id" => Make.Record(offset) with { Id = text },
            _ => Make.Record(offset) with { Key = text },
        });
    }

    [Fact]
    public void A_record_and_a_snapshot_may_be_as_large_as_the_limit_and_no_larger()
    {
        var head = RecordFormat.Measure(Make.Record(1) with { Payload = default });
        _check.Of(Sized(200_000 - head));
        Refuses(Sized(200_001 - head), "at most 200000 bytes, not 200001");
        _check.Of(Save("s", 200_000));
        Refuses(Save("s", 200_001), "at most 200000 bytes, not 200001");

        static AppendBatch Sized(int bytes) => Make.Append("s", 1, record: offset => Make.Record(offset) with { Payload = new byte[bytes] });
    }

    private void Refuses(object write, string reason) =>
        Assert.Contains(reason, Assert.Throws<ArgumentException>(() => _check.Of(write)).Message, StringComparison.Ordinal);

    private static SnapshotWrite.Save Save(string name, int bytes) => new(new Snapshot(name, 1, 1, 0, new byte[bytes]));
}
