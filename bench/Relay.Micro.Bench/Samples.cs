using System.Buffers;
using System.Globalization;
using System.Text;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Micro.Bench;

/// <summary>What all benchmarks work on: native publishes as clients send them and the events they become, with payloads of 128 bytes.</summary>
internal static class Samples
{
    public const string Channel = "topics/bench";

    /// <summary>A JSON value of 128 bytes.</summary>
    public static byte[] Payload { get; } = Encoding.UTF8.GetBytes("{\"t\":\"" + new string('x', 120) + "\"}");

    /// <summary>The text of publish <paramref name="number"/>, with its number as idempotency key.</summary>
    public static byte[] Publish(long number) => Encoding.UTF8.GetBytes(
        $"{{\"type\":\"publish\",\"channel\":\"{Channel}\",\"event\":\"task.updated\",\"data\":{Encoding.UTF8.GetString(Payload)},\"id\":\"{number.ToString("d12", CultureInfo.InvariantCulture)}\"}}");

    /// <summary>One read: <paramref name="count"/> masked frames of publishes, one behind the other.</summary>
    public static byte[] Read(int count)
    {
        var output = new ArrayBufferWriter<byte>();
        for (var i = 0; i < count; i++)
        {
            FrameWriter.WriteMasked(output, Opcode.Text, Publish(i), 0x1234_5678u * (uint)(i + 1));
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>Accepted events. They carry a worker's raw message, so that every dialect has something to say.</summary>
    public static Publication[] Events(int count)
    {
        var raw = Encoding.UTF8.GetBytes($"{{\"target_user_id\":\"u1\",\"type\":\"task.updated\",\"payload\":{Encoding.UTF8.GetString(Payload)}}}");
        return
        [
            .. Enumerable.Range(1, count).Select(offset => new Publication
            {
                Channel = Channel,
                Event = "task.updated",
                Data = Payload,
                Position = new StreamPosition(new Epoch(0x12345), offset),
                TimestampMicros = 1_767_225_600_000_000 + offset,
                Raw = raw,
                RawFormat = RawFormat.Updates,
            }),
        ];
    }
}
