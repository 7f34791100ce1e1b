using System.Net.Sockets;
using System.Text;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Reads what a server sends: the head of its answer, then frames, which are checked for what no server may do.</summary>
internal sealed class ServerFrames(NetworkStream stream, CancellationToken limit)
{
    private readonly BufferedStream _input = new(stream, 64 * 1024);

    public async Task<string> HeadAsync()
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await _input.ReadExactlyAsync(one, limit);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <summary>The next frame; null when the connection has ended, whichever way.</summary>
    /// <exception cref="InvalidDataException">Masked, fragmented, or with a reserved bit that was not agreed on.</exception>
    public async Task<(Opcode Opcode, byte[] Payload, bool Compressed)?> FrameAsync()
    {
        var head = new byte[8];
        try
        {
            if (await _input.ReadAtLeastAsync(head.AsMemory(0, 2), 2, throwOnEndOfStream: false, limit) < 2)
            {
                return null;
            }

            if ((head[1] & 0x80) != 0 || (head[0] & 0x80) == 0 || (head[0] & 0x30) != 0)
            {
                throw new InvalidDataException($"the server sent a frame that begins with {head[0]:x2} {head[1]:x2}");
            }

            var (first, length) = (head[0], (long)head[1]);
            if (length >= 126)
            {
                var more = length == 126 ? 2 : 8;
                await _input.ReadExactlyAsync(head.AsMemory(0, more), limit);
                length = head.AsSpan(0, more).ToArray().Aggregate(0L, static (value, part) => (value << 8) | part);
            }

            var payload = new byte[length];
            await _input.ReadExactlyAsync(payload, limit);
            return ((Opcode)(first & 0x0F), payload, (first & 0x40) != 0);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
