namespace Relay.Cluster.Tests;

public sealed class NodeIdTests
{
    [Theory]
    [InlineData("a", 0UL, "a#0000000000000000")]
    [InlineData("relay-1.eu", ulong.MaxValue, "relay-1.eu#ffffffffffffffff")]
    [InlineData("Zürich", 0xabUL, "Zürich#00000000000000ab")]
    public void A_node_is_written_as_name_and_incarnation_and_read_again(string name, ulong incarnation, string text)
    {
        var node = new NodeId(name, incarnation);
        Assert.Equal(text, node.ToString());
        Assert.True(NodeId.TryParse(text, out var read));
        Assert.Equal(node, read);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("a#12")]
    [InlineData("#0000000000000000")]
    [InlineData("a#000000000000000g")]
    [InlineData("a#00000000000000AB")]
    [InlineData("a b#0000000000000000")]
    [InlineData("a#b#0000000000000000")]
    [InlineData("a#00000000000000000")]
    public void Anything_else_is_not_read(string? text) => Assert.False(NodeId.TryParse(text, out _));

    [Fact]
    public void Names_are_bounded() =>
        Assert.Equal([true, false], new[] { NodeId.IsName(new string('x', 64)), NodeId.IsName(new string('x', 65)) });
}
