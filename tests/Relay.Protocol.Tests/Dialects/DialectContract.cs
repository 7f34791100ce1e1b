using System.Text;
using System.Text.Json;

namespace Relay.Protocol.Tests;

/// <summary>What every dialect owes the core, run against each of them.</summary>
public abstract class DialectContract
{
    private static readonly string[] Channels =
        ["global", "metrics", "hooks", "users", "users/u1", "users/q\"\\u", "projects/p", "agents/é/日", "sessions/😀", "sessions/0123", "topics/", "topics/a/b"];

    private static readonly string[] Events =
        ["task.created", "x", "", "q\"\\\n\u0001", "é日😀", "a" + (char)0xD800, new string('n', 2000)];

    protected abstract DialectKind Kind { get; }

    private IDialect Dialect => Dialects.ByKind(Kind);

    [Fact]
    public void Any_event_of_any_channel_is_one_well_formed_frame_with_the_payload_verbatim()
    {
        var random = new Random(1);
        var generator = new JsonGenerator(random);
        for (var i = 0; i < 1500; i++)
        {
            var data = random.Next(8) == 0 ? null : generator.Value();
            var channel = Channels[random.Next(Channels.Length)];
            var name = Events[random.Next(Events.Length)];
            var key = random.Next(2) == 0 ? null : Events[random.Next(Events.Length)];
            var publication = random.Next(4) == 0 ? Sample.Transient(channel, name, data) : Sample.Event(channel, name, data, key);
            var frame = Sample.Encode(Dialect, publication);
            WellFormed.Assert(frame, Dialect);
            Assert.True(frame.AsSpan().IndexOf(publication.Data.Span) >= 0, Encoding.UTF8.GetString(frame));
        }
    }

    [Fact]
    public void Original_frames_of_workers_and_hooks_are_well_formed_frames_here_too()
    {
        var generator = new JsonGenerator(new Random(2));
        for (var i = 0; i < 300; i++)
        {
            var data = generator.Object();
            var raw = $"{{{generator.Space()}\"type\":\"x\",\"data\":{data},\"payload\":{data}{generator.Space()}}}";
            foreach (var format in Enum.GetValues<RawFormat>())
            {
                var frame = Sample.Encode(Dialect, Sample.Raw(format, raw, "users/u1", "x", data));
                WellFormed.Assert(frame, Dialect);
                Assert.True(frame.AsSpan().IndexOf(Encoding.UTF8.GetBytes(data)) >= 0);
            }
        }
    }

    [Fact]
    public void Every_server_message_is_well_formed_or_unsaid()
    {
        foreach (var message in Sample.Messages())
        {
            if (Sample.Encode(Dialect, message) is { } frame)
            {
                WellFormed.Assert(frame, Dialect);
            }
        }
    }

    [Fact]
    public void A_writer_that_gives_exactly_the_room_asked_for_gets_the_same_bytes()
    {
        foreach (var message in Sample.Messages())
        {
            var tight = new TightWriter();
            var said = Dialect.TryEncode(message, tight);
            Assert.Equal(Sample.Encode(Dialect, message), said ? tight.Written : null);
        }

        foreach (var name in Events)
        {
            var publication = Sample.Event("users/u1", name, "{\"a\":\"" + new string('x', 700) + "\"}", name);
            var tight = new TightWriter();
            Dialect.EncodeEvent(publication, tight);
            Assert.Equal(Sample.Encode(Dialect, publication), tight.Written);
        }
    }

    [Fact]
    public void Hostile_input_is_answered_without_an_exception()
    {
        foreach (var frame in Hostile.Frames())
        {
            foreach (var binary in new[] { true, false })
            {
                if (binary || System.Text.Unicode.Utf8.IsValid(frame))
                {
                    AssertAnswered(Dialect.Decode(frame, binary));
                }
            }
        }
    }

    [Fact]
    public void A_value_of_the_wrong_type_in_any_field_is_answered_without_an_exception()
    {
        foreach (var frame in Hostile.WrongTypes())
        {
            AssertAnswered(Dialect.Decode(Encoding.UTF8.GetBytes(frame), binary: Dialect.Profile.IsBinary));
        }
    }

    [Fact]
    public void Encoding_an_event_allocates_nothing()
    {
        var output = new FixedWriter(4096);
        Publication[] publications =
        [
            Sample.Event("users/u1", "task.created", "{\"a\":1}", "key"),
            Sample.Transient("sessions/s1", "typing", "{}"),
            Sample.Event("global", "x\"y"),
        ];
        Encode(output, publications);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Encode(output, publications);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private void Encode(FixedWriter output, Publication[] publications)
    {
        output.Reset();
        foreach (var publication in publications)
        {
            Dialect.EncodeEvent(publication, output);
        }
    }

    private void AssertAnswered(ClientCommand? command)
    {
        _ = CommandText.Of(command);
        if (command is RejectedCommand rejected && Sample.Answer(rejected) is { } answer)
        {
            WellFormed.Assert(Sample.Encode(Dialect, answer) ?? throw new InvalidOperationException("A refusal without words."), Dialect);
        }
    }
}

public sealed class ContextContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.Context;
}

public sealed class HooksContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.Hooks;
}

public sealed class ProjectsContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.Projects;
}

public sealed class UpdatesContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.Updates;
}

public sealed class WebUiContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.WebUi;
}

public sealed class RelayJsonContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.Relay;
}

public sealed class RelayProtobufContract : DialectContract
{
    protected override DialectKind Kind => DialectKind.RelayProtobuf;
}

/// <summary>The judge of frames: the framework's JSON parser, or the generated protobuf parser.</summary>
internal static class WellFormed
{
    public static void Assert(ReadOnlySpan<byte> frame, IDialect dialect)
    {
        if (dialect.Profile.IsBinary)
        {
            Xunit.Assert.NotEqual(Native.ServerMessage.MessageOneofCase.None, Native.ServerMessage.Parser.ParseFrom(frame).MessageCase);
            return;
        }

        Xunit.Assert.True(System.Text.Unicode.Utf8.IsValid(frame));
        var reader = new Utf8JsonReader(frame, new JsonReaderOptions { MaxDepth = 256 });
        Xunit.Assert.True(reader.Read());
        Xunit.Assert.Equal(JsonTokenType.StartObject, reader.TokenType);
        while (reader.Read())
        {
            continue;
        }
    }
}
