using System.Buffers;
using System.Text;
using Relay.Redis.Resp;

namespace Relay.Redis.Tests.Resp;

/// <summary>
/// 200,000 generated replies: half as they are, which must be read alike however they are cut, half damaged, on which nothing but the
/// protocol error may come out and memory must stay in proportion to the bytes. A failure prints the seed that gives the same case again.
/// </summary>
public sealed class RespFuzzTests
{
    private const int Cases = 100_000;
    private const string Marks = "+-:$*_#,(!=%~>|0123456789\r\n?";
    private static readonly RespLimits Limits = new() { MaxFrameBytes = 1 << 20, MaxDepth = 16, MaxLineBytes = 4096 };

    [Fact]
    public void Any_reply_is_read_alike_however_it_is_cut()
    {
        for (var seed = 0; seed < Cases; seed++)
        {
            var random = new Random(seed);
            var wire = RespBytes.Of(Reply(random, 0));
            var whole = new ReadOnlySequence<byte>(wire);
            Assert.True(new RespReader(Limits).TryRead(ref whole, out var expected), $"seed {seed}");

            var reader = new RespReader(Limits);
            var arrived = random.Next(wire.Length);
            var part = Cut(random, wire[..arrived]);
            Assert.False(reader.TryRead(ref part, out _), $"seed {seed}: complete after {arrived} of {wire.Length} bytes");
            var rest = Cut(random, wire);
            Assert.True(reader.TryRead(ref rest, out var value), $"seed {seed}");
            Assert.Equal(RespBytes.Canonical(expected), RespBytes.Canonical(value));
            Assert.True(rest.IsEmpty, $"seed {seed}");
        }
    }

    [Fact]
    public void Damaged_replies_end_in_a_value_a_wait_or_the_protocol_error_and_bounded_memory()
    {
        for (var seed = 0; seed < Cases; seed++)
        {
            var random = new Random(seed);
            var wire = Damage(random, RespBytes.Of(Reply(random, 0)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var buffer = Cut(random, wire);
                var reader = new RespReader(Limits);
                while (reader.TryRead(ref buffer, out _))
                {
                    // Whatever can still be read of it is.
                }
            }
            catch (RedisException error)
            {
                Assert.True(error.Kind == RedisErrorKind.Protocol, $"seed {seed}: {error.Kind}");
            }
            catch (Exception error)
            {
                Assert.Fail($"seed {seed}: {error}");
            }

            // An element of 3 bytes becomes a value of 24; the exception and its stack take some kilobytes.
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < 64_000 + (wire.Length * 64L), $"seed {seed}: {allocated} bytes for {wire.Length}");
        }
    }

    private static ReadOnlySequence<byte> Cut(Random random, byte[] wire)
    {
        var cuts = new int[random.Next(4)];
        for (var i = 0; i < cuts.Length; i++)
            cuts[i] = random.Next(wire.Length + 1);
        Array.Sort(cuts);
        return RespBytes.Split(wire, cuts);
    }

    private static byte[] Damage(Random random, byte[] wire)
    {
        var damaged = wire.ToList();
        for (var i = random.Next(1, 5); i > 0 && damaged.Count > 0; i--)
        {
            var at = random.Next(damaged.Count);
            switch (random.Next(4))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged.RemoveAt(at);
                    break;
                case 2:
                    damaged.Insert(at, (byte)Marks[random.Next(Marks.Length)]);
                    break;
                default:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
            }
        }

        return [.. damaged];
    }

    private static string Reply(Random random, int depth)
    {
        var kind = random.Next(depth < 4 ? 16 : 10);
        return kind switch
        {
            0 => $"+{Text(random)}\r\n",
            1 => $"-ERR {Text(random)}\r\n",
            2 => $":{random.NextInt64(long.MinValue, long.MaxValue)}\r\n",
            3 or 4 => Bulk('$', Bytes(random)),
            5 => Bulk('!', "ERR " + Bytes(random)),
            6 => Bulk('=', "txt:" + Bytes(random)),
            7 => random.Next(3) switch { 0 => "_\r\n", 1 => "$-1\r\n", _ => "*-1\r\n" },
            8 => random.Next(2) == 0 ? "#t\r\n" : ",3.25\r\n",
            9 => $"({random.NextInt64()}{random.NextInt64()}\r\n",
            10 or 11 => Items('*', random, depth, 1),
            12 => Items('~', random, depth, 1),
            13 => Items('%', random, depth, 2),
            14 => Items(depth == 0 ? '>' : '*', random, depth, 1),
            _ => Items('|', random, depth, 2) + Reply(random, depth + 1),
        };
    }

    private static string Items(char type, Random random, int depth, int perItem)
    {
        var count = random.Next(4);
        var text = new StringBuilder().Append(type).Append(count).Append("\r\n");
        for (var i = 0; i < count * perItem; i++)
            text.Append(Reply(random, depth + 1));
        return text.ToString();
    }

    private static string Bulk(char type, string contents) => $"{type}{contents.Length}\r\n{contents}\r\n";

    private static string Text(Random random) => new string('a', random.Next(20));

    private static string Bytes(Random random)
    {
        var bytes = new byte[random.Next(40)];
        random.NextBytes(bytes);
        // ASCII, so that the canonical text tells all of it apart; line ends and type bytes included.
        return string.Concat(bytes.Select(b => (char)(b & 0x7f)));
    }
}
