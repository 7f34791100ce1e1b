using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Relay.Protocol.Native;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>
/// Hostile input from good input, seeded: client frames of a dialect with their text damaged, WebSocket frames with their heads damaged, handshakes with
/// their lines damaged (reliability.md S18 to S24). One per worker.
/// </summary>
internal sealed class FuzzCases(int seed)
{
    private static readonly string[] Native =
    [
        """{"type":"subscribe","channel":"topics/a","id":"s1","timestamp":1,"since":{"epoch":"k3j9x2ab","offset":42},"presence":true,"filter":{"events":["task.*"]}}""",
        """{"type":"subscribe","channel":"topics/*","id":"s2","last":5}""",
        """{"type":"unsubscribe","channel":"topics/a","id":7}""",
        """{"type":"publish","channel":"topics/x","event":"message.new","data":{"b":1,"a":[true,null,"é"]},"id":"p1","ttl":5,"key":"k"}""",
        """{"type":"ping","id":"q"}""",
        """{"type":"ack","message_id":"msg_k3j9x2ab42"}""",
        """{"type":"auth","agent_id":"a","session_id":"s","token":"t","id":"a1"}""",
        """{"type":"auth","agent_id":"a","id":"a1"}""",
        """{"type":"presence","channel":"topics/a","id":1}""",
        """{"type":"history","channel":"topics/a","id":1,"limit":10}""",
    ];

    private static readonly string[] Hooks =
    [
        """{"command":"get_history","params":{"event_types":["hook.stop"],"limit":5}}""",
        """{"command":"subscribe","channels":["agent.*"]}""",
        """{"command":"get_status"}""",
        """{"type":"register","session_id":"s1"}""",
        """{"type":"hook.user_prompt","timestamp":"2025-01-31T12:00:00.000000Z","data":{"session_id":"abc","p":[1.0]}}""",
    ];

    private static readonly string[] WebUi =
    [
        """{"type":"session_create","message_id":"m","timestamp":"2025-01-31T12:00:00Z"}""",
        """{"type":"session_join","data":{"session_id":"0123456789abcdef0123456789abcdef"}}""",
        """{"type":"chat_message","session_id":"s","data":{"content":"h\u00e9","message_type":"text"}}""",
        """{"type":"typing","data":{"is_typing":true}}""",
        """{"type":"ping"}""",
    ];

    private static readonly byte[][] Protobuf =
    [
        new ClientMessage { Id = "s1", Subscribe = new() { Channel = "topics/*", Since = new() { Epoch = "k3j9x2ab", Offset = 42 }, Last = 3, Filter = new() { Events = { "task.*" } } } }.ToByteArray(),
        new ClientMessage { Id = "p1", Publish = new() { Channel = "topics/x", Event = "x", Data = ByteString.CopyFromUtf8("{\"a\":[1,2]}"), Ttl = 5, Key = "k" } }.ToByteArray(),
        new ClientMessage { Id = "u1", Unsubscribe = new() { Channel = "topics/a" } }.ToByteArray(),
        new ClientMessage { Auth = new() { AgentId = "a", SessionId = "s", Token = "t" } }.ToByteArray(),
        new ClientMessage { Id = "h", History = new() { Channel = "topics/a", Limit = 5 } }.ToByteArray(),
        new ClientMessage { Id = "r", Presence = new() { Channel = "topics/a" } }.ToByteArray(),
        new ClientMessage { Id = "r2", Resume = new() { Session = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Positions = { ["topics/a"] = new() { Epoch = "k3j9x2ab", Offset = 42 } } } }.ToByteArray(),
        new ClientMessage { Id = "q", Ping = new() }.ToByteArray(),
    ];

    private static readonly string[] Tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "null", "true", "1e999", "-0", "\"type\":", "\"id\":", "\"data\":", "\"channel\":", "\"global\"", "\"\"", " ", "\n", "é", "*",
        "/**", "\0", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "99999999999999999999", "\"__proto__\":{}", "users", "agents/", "\"since\":", "\"last\":2147483647",
    ];

    private static readonly string[] HeadTokens =
    [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", ",", ";", "\"", "=", "%", "%zz", "\0", "ü", "Host: b\r\n", "Upgrade: h2c\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n",
        "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99\r\n", "Sec-WebSocket-Protocol: relay.v1.protobuf, x\r\n", "Origin: null\r\n",
        "Authorization: Bearer x\r\n", "\r\n folded", "HTTP/1.0", "#", "?userId=", "&project_id=", "GET ", "Cookie: " + new string('c', 300) + "\r\n",
    ];

    private readonly Random _random = new(seed);

    public int Next(int bound) => _random.Next(bound);

    /// <summary>One complete, correctly masked message with damaged content. Text stays UTF-8 and short, or the connection would end before the frames behind it.</summary>
    public void Message(IBufferWriter<byte> output, string dialect)
    {
        if (dialect == "protobuf")
        {
            FrameWriter.WriteMasked(output, Opcode.Binary, Damage(Protobuf[_random.Next(Protobuf.Length)]), (uint)_random.Next());
            return;
        }

        var good = dialect switch { "hooks" => Hooks, "webui" => WebUi, _ => Native };
        var text = Encoding.UTF8.GetBytes(Damage(good, good[_random.Next(good.Length)]));
        FrameWriter.WriteMasked(output, _random.Next(20) == 0 ? Opcode.Binary : Opcode.Text, text, (uint)_random.Next());
    }

    /// <summary>A frame, or several, whose head or structure is damaged; most of them end the connection.</summary>
    public byte[] BrokenFrame()
    {
        var payload = new byte[_random.Next(40)];
        _random.NextBytes(payload);
        var frame = new ArrayBufferWriter<byte>();
        var opcode = (Opcode)_random.Next(16);
        FrameWriter.WriteMasked(frame, opcode is Opcode.Text or Opcode.Binary or Opcode.Close or Opcode.Ping ? opcode : Opcode.Text, payload, (uint)_random.Next());
        var bytes = frame.WrittenSpan.ToArray();
        switch (_random.Next(8))
        {
            case 0:
                bytes[0] = (byte)_random.Next(256);
                return bytes;
            case 1:
                bytes[1] &= 0x7F;
                return bytes;
            case 2:
                bytes[1] = (byte)(0x80 | _random.Next(128));
                return bytes;
            case 3:
                var huge = new byte[14];
                huge[0] = 0x82;
                huge[1] = 0xFF;
                BinaryPrimitives.WriteInt64BigEndian(huge.AsSpan(2), _random.NextInt64(long.MinValue, long.MaxValue));
                return huge;
            case 4:
                return bytes[..Math.Max(1, _random.Next(bytes.Length))];
            case 5:
                bytes[_random.Next(bytes.Length)] ^= (byte)(1 << _random.Next(8));
                return bytes;
            case 6:
                bytes[0] = (byte)(_random.Next(2) == 0 ? 0x00 : 0x01);
                return [.. bytes, .. bytes, .. bytes];
            default:
                _random.NextBytes(bytes);
                return bytes;
        }
    }

    /// <summary>A request head with damaged lines; some are still upgrades, some plain requests, most are refused.</summary>
    public byte[] Handshake(string target)
    {
        var text = new StringBuilder(RawSocket.Upgrade(target));
        for (var steps = _random.Next(1, 4); steps > 0 && text.Length > 0; steps--)
        {
            var at = _random.Next(text.Length);
            switch (_random.Next(6))
            {
                case 0:
                    text[at] = (char)_random.Next(256);
                    break;
                case 1:
                    text.Length = at;
                    break;
                case 2:
                    text.Remove(at, Math.Min(_random.Next(1, 20), text.Length - at));
                    break;
                case 3:
                    text.Append(text.ToString(at, Math.Min(_random.Next(1, 100), text.Length - at)));
                    break;
                default:
                    text.Insert(at, HeadTokens[_random.Next(HeadTokens.Length)]);
                    break;
            }
        }

        return Encoding.Latin1.GetBytes(text.ToString());
    }

    private string Damage(string[] good, string text)
    {
        for (var mutations = _random.Next(4); mutations > 0; mutations--)
        {
            var from = _random.Next(text.Length + 1);
            var to = Math.Min(text.Length, from + _random.Next(8));
            text = _random.Next(6) switch
            {
                0 when from < text.Length => text[..from] + (char)_random.Next(1, 127) + text[(from + 1)..],
                1 => text[..from] + Tokens[_random.Next(Tokens.Length)] + text[from..],
                2 => text[..from] + text[to..],
                3 => text[..to] + text[from..],
                4 => text[..from] + good[_random.Next(good.Length)][_random.Next(5)..],
                _ => text[..from],
            };
        }

        return text.Length > 400 ? text[..400] : text;
    }

    private byte[] Damage(byte[] bytes)
    {
        for (var mutations = _random.Next(4); mutations > 0; mutations--)
        {
            var from = _random.Next(bytes.Length + 1);
            var to = Math.Min(bytes.Length, from + _random.Next(8));
            bytes = _random.Next(4) switch
            {
                0 when from < bytes.Length => [.. bytes[..from], (byte)_random.Next(256), .. bytes[(from + 1)..]],
                1 => [.. bytes[..from], (byte)_random.Next(256), (byte)_random.Next(256), .. bytes[from..]],
                2 => [.. bytes[..from], .. bytes[to..]],
                _ => bytes[..from],
            };
        }

        return bytes;
    }
}
