using System.Buffers;
using Relay.Redis.Resp;

namespace Relay.Redis.Tests.Resp;

public sealed class RespWriterTests
{
    [Fact]
    public void A_command_is_an_array_of_bulk_strings()
    {
        Assert.Equal("*4\r\n$3\r\nSET\r\n$4\r\nkä\r\r\n$3\r\n\0\r\n\r\n$20\r\n-9223372036854775808\r\n"u8.ToArray(),
            Written("SET", "kä\r", new byte[] { 0, 13, 10 }, long.MinValue));
    }

    [Fact]
    public void Measured_and_written_lengths_agree_for_any_arguments()
    {
        var random = new Random(7);
        for (var i = 0; i < 10_000; i++)
        {
            var command = new RedisArg[random.Next(1, 12)];
            for (var j = 0; j < command.Length; j++)
            {
                command[j] = random.Next(3) switch
                {
                    0 => new string((char)random.Next(1, 0xd7ff), random.Next(30)),
                    1 => new byte[random.Next(2000)],
                    _ => random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64),
                };
            }

            var wire = new ReadOnlySequence<byte>(Written(command));
            Assert.True(new RespReader().TryRead(ref wire, out var value));
            Assert.True(wire.IsEmpty);
            Assert.Equal(command.Length, value.Items.Length);
        }
    }

    [Fact]
    public void Text_that_has_no_UTF8_form_is_refused_before_anything_is_written() =>
        Assert.ThrowsAny<ArgumentException>(() => RespWriter.Measure(["GET", "\ud800"]));

    [Fact]
    public void An_empty_command_is_refused() => Assert.Throws<ArgumentException>(() => RespWriter.Measure([]));

    [Fact]
    public void Arguments_cannot_break_out_of_their_place()
    {
        var wire = new ReadOnlySequence<byte>(Written("GET", "x\r\n*1\r\n$8\r\nFLUSHALL\r\n"));
        Assert.True(new RespReader().TryRead(ref wire, out var value));
        Assert.Equal(2, value.Items.Length);
        Assert.True(wire.IsEmpty);
    }

    private static byte[] Written(params ReadOnlySpan<RedisArg> command)
    {
        var bytes = new byte[RespWriter.Measure(command)];
        Assert.Equal(bytes.Length, RespWriter.Write(bytes, command));
        return bytes;
    }
}
