using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

public sealed class MaskingTests
{
    [Fact]
    public void Every_length_and_phase_equals_the_definition()
    {
        byte[] key = [0x37, 0xFA, 0x21, 0x3D];
        var random = new Random(6455);
        for (int length = 0; length <= 200; length++)
        {
            var source = new byte[length];
            random.NextBytes(source);
            for (int phase = 0; phase < 8; phase++)
            {
                byte[] expected = source.Select((b, i) => (byte)(b ^ key[(i + phase) % 4])).ToArray();
                var destination = new byte[length + 3];
                Masking.Apply(destination, source, Wire.Key, phase);
                Assert.Equal(expected, destination[..length]);
                Assert.Equal(new byte[3], destination[length..]);
            }
        }
    }

    [Fact]
    public void A_destination_that_is_too_short_is_refused_before_anything_is_written()
    {
        var destination = new byte[39];
        Assert.Throws<ArgumentOutOfRangeException>(() => Masking.Apply(destination, new byte[40], 1));
        Assert.Equal(new byte[39], destination);
    }
}
