using Relay.Actors.Channels;
using Relay.Actors.Cluster;
using Relay.Actors.Sessions;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Tests.Cluster;

/// <summary>What nodes write to each other is read as it was meant; what nobody can have written is refused, without harm.</summary>
public sealed class WireTests
{
    private const int Samples = 3000;

    private static readonly TraceParent Trace = TraceParent.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")!;

    private delegate object Reading(ref WireReader reader);

    private static PublishItem Item(TraceParent? trace) => new() { Event = "e", Data = "1"u8.ToArray(), Trace = trace };

    [Fact]
    public void A_question_comes_as_it_was_asked()
    {
        for (var seed = 0; seed < Samples; seed++)
        {
            var question = new WireSamples(seed).Question();
            var writer = new WireWriter();
            Assert.True(QuestionWire.TryWrite(writer, question));
            AssertRead(seed, question, writer, static (ref reader) => QuestionWire.Read(ref reader, WireSamples.Channel));
        }
    }

    [Fact]
    public void Traces_stand_behind_a_publish_and_a_node_that_does_not_know_them_reads_the_rest()
    {
        PublishItem[] items = [Item(null), Item(Trace), Item(null)];
        var (with, without) = (new WireWriter(), new WireWriter());
        Assert.True(QuestionWire.TryWrite(with, new PublishBatch { Channel = WireSamples.Channel, Items = items }));
        Assert.True(QuestionWire.TryWrite(without, new PublishBatch { Channel = WireSamples.Channel, Items = [.. items.Select(static item => item with { Trace = null })] }));

        // As it was before there were traces, and then what such a node leaves unread.
        Assert.True(with.Written.StartsWith(without.Written));
        var reader = new WireReader(with.Written);
        var read = (PublishBatch)QuestionWire.Read(ref reader, WireSamples.Channel);
        Assert.Equal([null, Trace.ToString(), null], read.Items.Select(static item => item.Trace?.ToString()), StringComparer.Ordinal);
        var older = new WireReader(without.Written);
        Assert.All(((PublishBatch)QuestionWire.Read(ref older, WireSamples.Channel)).Items, static item => Assert.Null(item.Trace));
        Assert.Throws<InvalidDataException>(() =>
        {
            var forged = new WireReader([.. without.Written, 1, 3, 24, .. new byte[24]]);
            QuestionWire.Read(ref forged, WireSamples.Channel);
        });
    }

    [Fact]
    public void An_answer_comes_as_it_was_given()
    {
        for (var seed = 0; seed < Samples; seed++)
        {
            var (question, answer) = new WireSamples(seed).Answer();
            var writer = new WireWriter();
            Assert.True(QuestionWire.TryWriteAnswer(writer, answer));
            AssertRead(seed, answer, writer, (ref reader) => QuestionWire.ReadAnswer(ref reader, WireSamples.Channel, question, WireSamples.Asker));
        }
    }

    [Fact]
    public void A_channel_s_state_comes_as_it_left()
    {
        for (var seed = 0; seed < Samples; seed++)
        {
            var content = new WireSamples(seed).Content();
            var writer = new WireWriter();
            StateWire.Write(writer, content);
            AssertRead(seed, content, writer, static (ref reader) => StateWire.Read(ref reader, WireSamples.Channel));
        }
    }

    [Fact]
    public void What_is_no_question_and_no_answer_is_not_written()
    {
        Assert.False(QuestionWire.TryWrite(new WireWriter(), new ReplicaLeft()));
        Assert.False(QuestionWire.TryWriteAnswer(new WireWriter(), new ReplicaLeft()));
    }

    [Fact]
    public void A_failure_is_told_by_its_text()
    {
        var writer = new WireWriter();
        Assert.True(QuestionWire.TryWriteAnswer(writer, new Status.Failure(new InvalidOperationException("no"))));
        var reader = new WireReader(writer.Written);
        var answer = Assert.IsType<Status.Failure>(QuestionWire.ReadAnswer(ref reader, "c", new JoinSession(), WireSamples.Asker));
        Assert.Equal("no", answer.Cause.Message);
    }

    [Fact]
    public void An_answer_of_another_kind_than_the_question_is_refused()
    {
        var batch = new PublishBatch { Channel = "c", Items = [new PublishItem { Event = "e" }] };
        var writer = new WireWriter();
        QuestionWire.TryWriteAnswer(writer, new PublishReply(batch, [default], 0, WireSamples.Asker));
        var bytes = writer.Written.ToArray();
        Assert.Throws<InvalidDataException>(() => Read(bytes, (ref reader) => QuestionWire.ReadAnswer(ref reader, "c", new HistoryQuery(), WireSamples.Asker)));
        var two = new PublishBatch { Channel = "c", Items = [.. batch.Items, .. batch.Items] };
        Assert.Throws<InvalidDataException>(() => Read(bytes, (ref reader) => QuestionWire.ReadAnswer(ref reader, "c", two, WireSamples.Asker)));
    }

    [Fact]
    public void Half_a_message_is_refused()
    {
        ForEachKind(static (seed, bytes, reading) =>
        {
            for (var length = 0; length < bytes.Length; length++)
            {
                Assert.Throws<InvalidDataException>(() => Read(bytes[..length], reading));
            }
        });
    }

    [Fact]
    public void Spoilt_and_random_bytes_are_refused_or_mean_something_else_and_cost_little()
    {
        ForEachKind(static (seed, bytes, reading) =>
        {
            var random = new Random(seed);
            for (var times = 0; times < 30; times++)
            {
                var spoilt = (byte[])bytes.Clone();
                for (var i = random.Next(1, 4); i > 0 && spoilt.Length > 0; i--)
                {
                    spoilt[random.Next(spoilt.Length)] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
                }

                AssertHarmless(spoilt, reading);
                random.NextBytes(spoilt);
                AssertHarmless(spoilt, reading);
            }
        });
    }

    /// <summary>A number in front of a list says how much to make room for: what the message itself cannot hold is refused before.</summary>
    [Fact]
    public void Huge_numbers_do_not_make_room_for_what_is_not_there()
    {
        ForEachKind(static (seed, bytes, reading) =>
        {
            byte[] huge = [0xff, 0xff, 0xff, 0xff, 0x07];
            for (var at = 0; at < bytes.Length; at++)
            {
                AssertHarmless([.. bytes[..at], .. huge, .. bytes[(at + 1)..]], reading);
                AssertHarmless([.. bytes[..at], .. huge, .. new byte[20_000]], reading);
            }
        });
    }

    [Fact]
    public void A_history_with_holes_is_no_state()
    {
        foreach (var (offsets, newest) in ((long[], long)[])[([1, 3], 3), ([2, 1], 1), ([1, 2], 3), ([0], 0)])
        {
            var history = offsets.Select(static offset => Make.Event(offset)).ToList();
            var writer = new WireWriter();
            StateWire.Write(writer, new ChannelContent(new Protocol.StreamPosition(Make.Epoch, newest), 0, 0, history, [], []));
            var bytes = writer.Written.ToArray();
            Assert.Throws<InvalidDataException>(() => Read(bytes, static (ref reader) => StateWire.Read(ref reader, "topics/x")));
        }
    }

    private static void ForEachKind(Action<int, byte[], Reading> act)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var samples = new WireSamples(seed);
            var writer = new WireWriter();
            QuestionWire.TryWrite(writer, samples.Question());
            act(seed, writer.Written.ToArray(), static (ref reader) => QuestionWire.Read(ref reader, WireSamples.Channel));

            var (question, answer) = samples.Answer();
            QuestionWire.TryWriteAnswer(writer.Clear(), answer);
            act(seed, writer.Written.ToArray(), (ref reader) => QuestionWire.ReadAnswer(ref reader, WireSamples.Channel, question, WireSamples.Asker));

            StateWire.Write(writer.Clear(), samples.Content());
            act(seed, writer.Written.ToArray(), static (ref reader) => StateWire.Read(ref reader, WireSamples.Channel));
        }
    }

    private static void AssertRead(int seed, object expected, WireWriter written, Reading reading)
    {
        var reader = new WireReader(written.Written);
        var read = reading(ref reader);
        Assert.True(reader.IsAtEnd, $"seed {seed}: something is left");
        Assert.Equal(WireSamples.Describe(expected), WireSamples.Describe(read));
    }

    private static void AssertHarmless(byte[] bytes, Reading reading)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Read(bytes, reading);
        }
        catch (InvalidDataException)
        {
            // As it should be.
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 300_000 + (50L * bytes.Length), $"{bytes.Length} bytes cost {allocated}");
    }

    private static object Read(byte[] bytes, Reading reading)
    {
        var reader = new WireReader(bytes);
        return reading(ref reader);
    }
}
