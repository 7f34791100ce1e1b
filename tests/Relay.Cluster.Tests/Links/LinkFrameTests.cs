using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links;

public sealed class LinkFrameTests
{
    private static readonly byte[] Sender = LinkFrame.Key(new NodeId("näme", 0x1122334455667788));

    [Fact]
    public void A_frame_reads_as_it_was_written()
    {
        var header = new LinkHeader(LinkFrameKind.Data, Asks: true, From: 7, To: long.MaxValue, Ack: 9, First: 10, Count: 3);
        var frame = Frame(header, [1, 0, 0, 0, 65, 0, 0, 0, 0, 2, 0, 0, 0, 66, 67]);
        Assert.Equal(LinkDrop.None, LinkFrame.Read(frame, out var read, out var key, out var messages));
        Assert.Equal(header, read);
        Assert.Equal(Sender, key);
        Assert.Equal("A"u8, LinkFrame.Next(ref messages));
        Assert.Equal(""u8, LinkFrame.Next(ref messages));
        Assert.Equal("BC"u8, LinkFrame.Next(ref messages));
        Assert.True(messages.IsEmpty);
    }

    [Fact]
    public void The_bytes_are_those_of_the_documentation()
    {
        var frame = Frame(new LinkHeader(LinkFrameKind.Data, Asks: true, From: 1, To: 2, Ack: 3, First: 4), [1, 0, 0, 0, 65]);
        Assert.Equal("0102010D" + "0100000000000000" + "0200000000000000" + "0300000000000000" + "0400000000000000", Convert.ToHexString(frame[..36]));
        Assert.Equal("8877665544332211" + "6EC3A46D65" + "01000000" + "41", Convert.ToHexString(frame[36..]));
    }

    [Fact]
    public void Other_versions_are_told_apart_from_nonsense()
    {
        var frame = Frame(Hello());
        foreach (var version in (byte[])[0, 2, 3, 255])
        {
            frame[0] = version;
            Assert.Equal(LinkDrop.Version, Read(frame));
            Assert.Equal(LinkDrop.Version, Read(frame.AsSpan(0, 1)));
        }

        Assert.Equal(LinkDrop.Malformed, Read([]));
    }

    [Fact]
    public void Every_part_of_a_frame_is_malformed()
    {
        var frame = Frame(Data(2), [1, 0, 0, 0, 65, 1, 0, 0, 0, 66]);
        for (var length = 0; length < frame.Length; length++)
        {
            // Without its last message it is a frame again; without both it lacks the messages it numbers.
            Assert.Equal(length == frame.Length - 5 ? LinkDrop.None : LinkDrop.Malformed, Read(frame.AsSpan(0, length)));
        }
    }

    [Fact]
    public void What_makes_no_sense_is_malformed()
    {
        byte[] message = [0, 0, 0, 0];
        Assert.Equal(LinkDrop.None, Read(Frame(Hello())));
        Assert.Equal(LinkDrop.None, Read(Frame(Data(1), message)));
        Assert.All(
            new[]
            {
                Frame(Hello() with { From = 0 }),
                Frame(Hello() with { From = -1 }),
                Frame(Hello() with { To = -1 }),
                Frame(Hello() with { Ack = 1 }),
                Frame(Hello() with { First = 1 }),
                Frame(Hello() with { First = 1 }, message),
                Frame(Hello() with { Kind = (LinkFrameKind)9 }),
                Frame(Hello() with { Kind = (LinkFrameKind)3 }),
                Frame(Data(0) with { First = 1 }),
                Frame(Data(1) with { First = 0 }, message),
                Frame(Data(1) with { First = -5 }, message),
                Frame(Data(1) with { First = long.MaxValue }, message),
                Frame(Data(1) with { To = 0 }, message),
                Frame(Data(1) with { Ack = -1 }, message),
                Frame(Data(1), [255, 255, 255, 255]),
                Frame(Data(1), [255, 255, 255, 127]),
                Frame(Data(1), [0, 0, 0, 128]),
                Frame(Data(1), [0, 0, 0, 0, 9]),
                Changed(2, 2),
                Changed(3, 0),
                Changed(3, 8),
                Changed(3, 255),
            },
            static frame => Assert.Equal(LinkDrop.Malformed, Read(frame)));
    }

    [Fact]
    public void Random_bytes_never_make_the_reader_fail()
    {
        var random = new Random(1);
        var sound = 0;
        for (var i = 0; i < 200_000; i++)
        {
            var frame = i % 2 == 0 ? new byte[random.Next(120)] : Frame(Data(2), [3, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 7]);
            if (i % 2 == 0)
            {
                random.NextBytes(frame);
            }

            for (var changes = random.Next(4); changes > 0 && frame.Length > 0; changes--)
            {
                frame[random.Next(frame.Length)] = (byte)random.Next(256);
            }

            if (LinkFrame.Read(frame, out var header, out var key, out var messages) == LinkDrop.None)
            {
                sound++;
                Assert.False(key.IsEmpty);
                for (var m = 0; m < header.Count; m++)
                {
                    LinkFrame.Next(ref messages);
                }

                Assert.True(messages.IsEmpty);
            }
        }

        Assert.True(sound > 1000);
    }

    private static LinkHeader Hello() => new(LinkFrameKind.Hello, Asks: true, From: 1, To: 0);

    private static LinkHeader Data(int count) => new(LinkFrameKind.Data, Asks: false, From: 1, To: 2, Ack: 0, First: count == 0 ? 0 : 1);

    private static byte[] Changed(int at, byte value)
    {
        var frame = Frame(Hello());
        frame[at] = value;
        return frame;
    }

    private static byte[] Frame(in LinkHeader header, params byte[] messages)
    {
        var frame = new byte[LinkFrame.HeaderLength(Sender) + messages.Length];
        LinkFrame.WriteHeader(frame, header, Sender);
        messages.CopyTo(frame, frame.Length - messages.Length);
        return frame;
    }

    private static LinkDrop Read(ReadOnlySpan<byte> frame) => LinkFrame.Read(frame, out _, out _, out _);
}
