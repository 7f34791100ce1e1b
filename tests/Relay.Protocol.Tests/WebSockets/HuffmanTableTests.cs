using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

/// <summary>Which code sets are accepted: those zlib accepts.</summary>
public sealed class HuffmanTableTests
{
    [Theory]
    [InlineData(new byte[] { 1, 1 }, true, true)]
    [InlineData(new byte[] { 1, 2, 2 }, true, true)]
    [InlineData(new byte[] { 1, 1, 1 }, false, false)]
    [InlineData(new byte[] { 1, 2, 2, 3 }, false, false)]
    [InlineData(new byte[] { 2, 2, 2 }, false, false)]
    [InlineData(new byte[] { 0, 2 }, false, false)]
    [InlineData(new byte[] { 0, 1 }, false, true)]
    [InlineData(new byte[] { 0, 0 }, false, true)]
    public void A_code_set_is_complete_or_a_single_bit_or_refused(byte[] lengths, bool whenComplete, bool otherwise)
    {
        var table = new HuffmanTable(lengths.Length);
        Assert.Equal(whenComplete, table.Build(lengths, mustBeComplete: true));
        Assert.Equal(otherwise, table.Build(lengths, mustBeComplete: false));
    }
}
