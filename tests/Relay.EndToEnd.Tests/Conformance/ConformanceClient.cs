using System.IO.Compression;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>Plays one case on a socket of its own; returns what was wrong, null when nothing was.</summary>
internal static class ConformanceClient
{
    public static async Task<string?> PlayAsync(int port, ConformanceCase one)
    {
        using var limit = new CancellationTokenSource(WsClient.Bound, TimeProvider.System);
        using var socket = new TcpClient { NoDelay = true };
        try
        {
            await socket.ConnectAsync("127.0.0.1", port, limit.Token);
            await using var stream = socket.GetStream();
            var reader = new ServerFrames(stream, limit.Token);
            var head = await OpenAsync(stream, reader, one.Deflate?.Offer, limit.Token);
            return one.Deflate is { } run
                ? await DeflateAsync(stream, reader, run, head, limit.Token)
                : await PlayAsync(stream, reader, one, limit.Token);
        }
        catch (Exception failure) when (failure is IOException or SocketException or OperationCanceledException or InvalidDataException)
        {
            return failure.GetType().Name + ": " + failure.Message;
        }
    }

    private static async Task<string> OpenAsync(NetworkStream stream, ServerFrames reader, string? offer, CancellationToken limit)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes(RawSocket.Upgrade("/echo", offer is null ? [] : ["Sec-WebSocket-Extensions: " + offer])), limit);
        var head = await reader.HeadAsync();
        return head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) ? head : throw new InvalidDataException("not upgraded: " + head);
    }

    private static async Task<string?> PlayAsync(NetworkStream stream, ServerFrames reader, ConformanceCase one, CancellationToken limit)
    {
        // Beside reading, or a large echo would wait for a client that only writes.
        var sending = SendAsync(stream, one.Pieces, limit);
        foreach (var expected in one.Answers)
        {
            if (await reader.FrameAsync() is not { } frame)
            {
                return $"ended before {expected}";
            }

            if (frame.Opcode != expected.Opcode || !frame.Payload.AsSpan().SequenceEqual(expected.Payload))
            {
                return $"expected {expected}, got {Shown(frame)}";
            }
        }

        await sending;
        if (one.End == CaseEnd.Clean)
        {
            await stream.WriteAsync(CaseFrames.Close(CloseCode.Normal), limit);
        }

        return await CloseAsync(reader, one.Codes);
    }

    // The server may have failed the connection before everything was sent: what counts is its answer.
    private static async Task SendAsync(NetworkStream stream, IReadOnlyList<byte[]> pieces, CancellationToken limit)
    {
        try
        {
            foreach (var piece in pieces)
            {
                await stream.WriteAsync(piece, limit);
            }
        }
        catch (IOException)
        {
            // Told by what is read.
        }
    }

    private static async Task<string?> CloseAsync(ServerFrames reader, int[] codes)
    {
        if (await reader.FrameAsync() is not { } frame)
        {
            return "ended without a close frame";
        }

        var code = frame.Payload.Length < 2 ? CloseCode.NoStatus : (frame.Payload[0] << 8) | frame.Payload[1];
        return frame.Opcode != Opcode.Close ? $"expected a close frame, got {Shown(frame)}"
            : !codes.Contains(code) ? $"closed with {code}, expected {string.Join(" or ", codes)}"
            : await reader.FrameAsync() is { } more ? $"after the close frame came {Shown(more)}"
            : null;
    }

    private static async Task<string?> DeflateAsync(NetworkStream stream, ServerFrames reader, DeflateRun run, string head, CancellationToken limit)
    {
        var agreed = head.Contains("permessage-deflate", StringComparison.Ordinal);
        if (agreed == run.IsDeclined)
        {
            return agreed ? "the offer should have been declined" : "the offer was declined";
        }

        var source = DeflateData.Of(run.Data);
        var opcode = DeflateData.IsText(run.Data) ? Opcode.Text : Opcode.Binary;
        for (var round = 0; round < SizeCases.Rounds; round++)
        {
            var message = Enumerable.Range(round * run.Size, run.Size).Select(i => source[i % source.Length]).ToArray();
            var payload = agreed ? Compress(message) : message;
            var sending = SendAsync(stream, CaseFrames.Fragments(opcode, payload, run.FragmentBytes > 0 ? run.FragmentBytes : Math.Max(1, payload.Length), rsv1: agreed), limit);
            if (await reader.FrameAsync() is not { } frame)
            {
                return $"ended before message {round + 1}";
            }

            await sending;
            var back = frame.Compressed ? Decompress(frame.Payload) : frame.Payload;
            if (frame.Opcode != opcode || !back.AsSpan().SequenceEqual(message))
            {
                return $"message {round + 1} of {run.Size} bytes came back as {Shown(frame)}";
            }
        }

        await stream.WriteAsync(CaseFrames.Close(CloseCode.Normal), limit);
        return await CloseAsync(reader, [CloseCode.Normal]);
    }

    // RFC 7692 §7.2.1: a sync flush, whose last four bytes are left out.
    private static byte[] Compress(byte[] message)
    {
        using var output = new MemoryStream();
        using (var deflate = new DeflateStream(output, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(message);
            deflate.Flush();
            return output.ToArray()[..^4];
        }
    }

    private static byte[] Decompress(byte[] payload)
    {
        using var input = new DeflateStream(new MemoryStream([.. payload, 0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var output = new MemoryStream();
        input.CopyTo(output);
        return output.ToArray();
    }

    private static string Shown((Opcode Opcode, byte[] Payload, bool Compressed) frame) =>
        $"{frame.Opcode} of {frame.Payload.Length} bytes{(frame.Opcode == Opcode.Close && frame.Payload.Length > 1 ? " with " + ((frame.Payload[0] << 8) | frame.Payload[1]) : "")}";
}
