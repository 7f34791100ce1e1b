using Relay.Redis.Connections;

namespace Relay.Redis.Tests.Connections;

public sealed class ReceiveBufferTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Bytes_come_out_as_they_went_in_whatever_the_pieces(int seed)
    {
        var random = new Random(seed);
        using var buffer = new ReceiveBuffer();
        byte written = 0;
        byte taken = 0;
        for (var step = 0; step < 2000; step++)
        {
            var room = buffer.Room();
            Assert.True(room.Length >= 16 * 1024);
            var add = random.Next(1, Math.Min(room.Length, random.Next(3) == 0 ? 60_000 : 300) + 1);
            for (var i = 0; i < add; i++)
                room[i] = written++;
            buffer.Add(add);
            var received = buffer.Received.Span;
            var take = random.Next(4) == 0 ? received.Length : random.Next(0, received.Length + 1);
            for (var i = 0; i < take; i++)
                Assert.Equal(taken++, received[i]);
            buffer.Keep(received.Length - take);
        }

        foreach (var one in buffer.Received.Span)
            Assert.Equal(taken++, one);
        Assert.Equal(written, taken);
    }

    [Fact]
    public void It_grows_for_an_unfinished_reply_and_is_small_again_afterwards()
    {
        using var buffer = new ReceiveBuffer();
        while (buffer.Received.Length < 1_000_000)
        {
            buffer.Add(buffer.Room().Length);
            buffer.Keep(buffer.Received.Length);
        }

        Assert.InRange(buffer.Room().Length + buffer.Received.Length, 1_000_000, 4_000_000);
        Assert.True(buffer.Room().Length > 100_000, "an unfinished reply is read in growing pieces");
        buffer.Keep(10);
        Assert.InRange(buffer.Room().Length, 16 * 1024, 128 * 1024);
        Assert.Equal(10, buffer.Received.Length);
    }

    [Fact]
    public void What_is_read_drop_by_drop_does_not_make_it_grow()
    {
        using var buffer = new ReceiveBuffer();
        for (var i = 0; i < 1_000_000; i++)
        {
            buffer.Room();
            buffer.Add(1);
            buffer.Keep(i % 2);
        }

        Assert.InRange(buffer.Room().Length, 16 * 1024, 128 * 1024);
    }
}
