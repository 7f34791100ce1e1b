using System.Text;
using Google.Protobuf;

namespace Relay.Protocol.Tests;

/// <summary>Makes client frames out of good ones: bytes changed, cut, doubled, spliced, values replaced by generated JSON. Seeded.</summary>
internal sealed class FrameMutator(int seed, bool protobuf)
{
    private static readonly byte[][] JsonFrames = [.. Hostile.Good.Select(Encoding.UTF8.GetBytes)];

    private static readonly byte[][] ProtobufFrames =
    [
        new Native.ClientMessage { Id = "s1", Subscribe = new() { Channel = "agents/*", Since = new() { Epoch = "k3j9x2ab", Offset = 42 }, Last = 3, Filter = new() { Events = { "task.*" } } } }.ToByteArray(),
        new Native.ClientMessage { Id = "p1", Publish = new() { Channel = "global", Event = "x", Data = ByteString.CopyFromUtf8("{\"a\":[1,2]}"), Ttl = 5, Key = "k" } }.ToByteArray(),
        new Native.ClientMessage { Id = "u1", Unsubscribe = new() { Channel = "global" } }.ToByteArray(),
        new Native.ClientMessage { Ack = new() { MessageId = "msg_k3j9x2ab42" } }.ToByteArray(),
        new Native.ClientMessage { Auth = new() { AgentId = "a", SessionId = "s", Token = "t" } }.ToByteArray(),
        new Native.ClientMessage { Id = "h", History = new() { Channel = "global", Limit = 5 } }.ToByteArray(),
        new Native.ClientMessage { Id = "r", Presence = new() { Channel = "global" } }.ToByteArray(),
        new Native.ClientMessage { Id = "q", Ping = new() }.ToByteArray(),
    ];

    private static readonly byte[][] Tokens =
    [
        .. new[] { "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "null", "true", "1e999", "-0", "\"type\":", "\"id\":", "\"data\":", "\"channel\":", "\"global\"", "\"\"", " ", "\n", "é", "\ufeff", "*", "/**" }
            .Select(Encoding.UTF8.GetBytes),
        [0x00], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    ];

    private readonly Random _random = new(seed);
    private readonly JsonGenerator _json = new(new Random(seed));

    public byte[] Next()
    {
        var frame = Pick();
        for (var mutations = _random.Next(4); mutations > 0; mutations--)
        {
            frame = Mutate(frame);
        }

        return frame;
    }

    private byte[] Pick()
    {
        var frames = protobuf ? ProtobufFrames : JsonFrames;
        return frames[_random.Next(frames.Length)];
    }

    private byte[] Mutate(byte[] frame)
    {
        var from = _random.Next(frame.Length + 1);
        var to = Math.Min(frame.Length, from + _random.Next(8));
        switch (_random.Next(7))
        {
            case 0 when frame.Length > 0:
                var changed = frame.ToArray();
                changed[_random.Next(changed.Length)] = (byte)_random.Next(256);
                return changed;
            case 1:
                return [.. frame[..from], .. Tokens[_random.Next(Tokens.Length)], .. frame[from..]];
            case 2:
                return [.. frame[..from], .. frame[to..]];
            case 3 when frame.Length < 4096:
                return [.. frame[..to], .. frame[from..]];
            case 4:
                var other = Pick();
                return [.. frame[..from], .. other[_random.Next(other.Length)..]];
            case 5:
                return ReplaceValue(frame);
            default:
                return frame[..from];
        }
    }

    // The text behind a colon up to the next comma or brace: not always one value, which is a mutation as well.
    private byte[] ReplaceValue(byte[] frame)
    {
        var colon = Array.IndexOf(frame, (byte)':', _random.Next(frame.Length + 1));
        if (colon < 0)
        {
            return frame;
        }

        var start = colon + 1;
        var length = frame.AsSpan(start).IndexOfAny((byte)',', (byte)'}');
        return length < 0 ? frame : [.. frame[..start], .. Encoding.UTF8.GetBytes(_json.Value(3)), .. frame[(start + length)..]];
    }
}
