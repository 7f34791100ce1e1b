using System.Globalization;
using System.Net;
using System.Text;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>Publishes with Redis' <c>PUBLISH</c>, pipelined, as the workers do.</summary>
internal sealed class RedisPublisher : WorkerPublisher
{
    private readonly byte[] _head;
    private readonly byte[] _message;

    public RedisPublisher(RunState run, int index, IPEndPoint server)
        : base(run, index, server)
    {
        var channel = run.Options.RedisChannel;
        _head = Encoding.UTF8.GetBytes($"*3\r\n$7\r\nPUBLISH\r\n${Encoding.UTF8.GetByteCount(channel)}\r\n{channel}\r\n$");
        _message = new byte[run.Plan.Composer.MaxLength];
    }

    /// <inheritdoc/>
    protected override void Write(SendQueue output, int channel, long number, long intended)
    {
        var length = Run.Plan.Composer.Compose(_message, channel, number, intended);
        Span<byte> digits = stackalloc byte[16];
        length.TryFormat(digits, out var count, default, CultureInfo.InvariantCulture);
        output.Write(_head);
        output.Write(digits[..count]);
        output.Write("\r\n"u8);
        output.Write(_message.AsSpan(0, length));
        output.Write("\r\n"u8);
    }

    /// <inheritdoc/>
    protected override bool TryTakeAnswer(ReadOnlySpan<byte> bytes, out int length, out string? refusal)
    {
        // PUBLISH answers with one line: :receivers, or -ERR text.
        var end = bytes.IndexOf("\r\n"u8);
        length = end + 2;
        refusal = end > 0 && bytes[0] == (byte)'-' ? "Redis: " + Encoding.UTF8.GetString(bytes[1..end]) : null;
        return end >= 0;
    }
}
