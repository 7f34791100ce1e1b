using System.Globalization;
using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>
/// Mutated client frames against every reader: no exception, every answer well-formed, memory bounded by the frame's length. 400,000 cases in all;
/// RELAY_FUZZ_CASES sets another number and RELAY_FUZZ_SEED another beginning. A failure names the seed and shows the frame.
/// </summary>
public sealed class DialectFuzzTests
{
    private const int Readers = 9;
    private const int DefaultSeed = 20_260_131;

    // Bytes that reading one frame may allocate: commands, copies, texts of refusals and, in protobuf, the exception that reports a broken frame.
    private const int FixedAllowance = 32 * 1024;
    private const int AllowancePerByte = 64;

    private static readonly int Cases = Setting("RELAY_FUZZ_CASES", 400_000) / Readers;
    private static readonly int Seed = Setting("RELAY_FUZZ_SEED", DefaultSeed);

    private readonly FixedWriter _output = new(1 << 20);

    [Theory]
    [InlineData(DialectKind.Context)]
    [InlineData(DialectKind.Hooks)]
    [InlineData(DialectKind.Projects)]
    [InlineData(DialectKind.Updates)]
    [InlineData(DialectKind.WebUi)]
    [InlineData(DialectKind.Relay)]
    [InlineData(DialectKind.RelayProtobuf)]
    public void Mutated_frames_are_commands_or_well_formed_refusals(DialectKind kind)
    {
        var dialect = Dialects.ByKind(kind);
        var mutator = new FrameMutator(Seed + (int)kind, dialect.Profile.IsBinary);
        var commands = 0;
        for (var i = 0; i < Cases; i++)
        {
            var frame = mutator.Next();
            try
            {
                commands += Decode(dialect, frame) is null or RejectedCommand ? 0 : 1;
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"Seed {Seed}, case {i}, frame {Describe(frame)}", failure);
            }
        }

        // The mutator must neither leave everything as it is nor break everything.
        if (!dialect.Profile.IgnoresClient)
        {
            Assert.InRange(commands, Cases / 50, Cases * 9 / 10);
        }
    }

    [Fact]
    public void Mutated_envelopes_are_routed_or_dropped_with_a_reason()
    {
        var mutator = new FrameMutator(Seed + 100, protobuf: false);
        var routed = 0;
        for (var i = 0; i < Cases; i++)
        {
            var frame = mutator.Next();
            if (UpdatesEnvelope.TryParse(frame, out var envelope, out var fault))
            {
                routed++;
                Assert.All(envelope.Channels, static channel => Assert.True(ChannelName.IsValid(channel)));
                Assert.True(envelope.Payload.IsEmpty || JsonScanner.IsValue(envelope.Payload.Span), Describe(frame));
            }
            else
            {
                Assert.NotEqual(EnvelopeFault.None, fault);
            }
        }

        Assert.InRange(routed, Cases / 50, Cases * 9 / 10);
    }

    [Fact]
    public void Mutated_notifications_are_routed_or_dropped_with_a_reason()
    {
        var mutator = new FrameMutator(Seed + 200, protobuf: false);
        var routed = 0;
        for (var i = 0; i < Cases; i++)
        {
            var frame = mutator.Next();
            var read = DatabaseNotification.TryParse(frame, out var notification, out var fault);
            Assert.Equal(read, fault == EnvelopeFault.None);
            routed += read ? 1 : 0;
            Assert.True(notification is null || (ChannelName.IsValid(notification.Channel) && notification.Event.Length > 0), Describe(frame));
        }

        Assert.InRange(routed, Cases / 100, Cases * 9 / 10);
    }

    private ClientCommand? Decode(IDialect dialect, byte[] frame)
    {
        var binary = dialect.Profile.IsBinary || !System.Text.Unicode.Utf8.IsValid(frame);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var command = dialect.Decode(frame, binary);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= FixedAllowance + (AllowancePerByte * (long)frame.Length), $"{allocated} bytes for {frame.Length}");
        switch (command)
        {
            case RejectedCommand rejected when Sample.Answer(rejected) is { } answer:
                _output.Reset();
                Assert.True(dialect.TryEncode(answer, _output));
                WellFormed.Assert(_output.Written, dialect);
                break;
            case PublishCommand publish:
                AssertSpokenEverywhere(publish.Channel, publish.Event, publish.Data, raw: default);
                break;
            case HookEventCommand hook:
                AssertSpokenEverywhere(ChannelName.Hooks, hook.Event, hook.Data, hook.Raw);
                break;
            case ChatCommand chat:
                AssertSpokenEverywhere("sessions/s", "chat_message", chat.Data, raw: default);
                break;
            case SubscribeCommand subscribe:
                Assert.True(ChannelName.IsValid(subscribe.Channel));
                Assert.True(!subscribe.IsPattern || ChannelPattern.TryParse(subscribe.Channel, out _));
                break;
        }

        return command;
    }

    private void AssertSpokenEverywhere(string channel, string name, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte> raw)
    {
        var publication = new Publication
        {
            Channel = channel,
            Event = name,
            Data = data,
            Position = Sample.Position,
            TimestampMicros = Sample.Micros,
            Raw = raw,
            RawFormat = raw.IsEmpty ? RawFormat.None : RawFormat.Hooks,
        };
        foreach (var dialect in Dialects.All)
        {
            _output.Reset();
            dialect.EncodeEvent(publication, _output);
            WellFormed.Assert(_output.Written, dialect);
        }
    }

    private static string Describe(byte[] frame) => $"{Convert.ToHexString(frame)} {Encoding.UTF8.GetString(frame)}";

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
