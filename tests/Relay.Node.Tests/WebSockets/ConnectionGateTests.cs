using Relay.Node.WebSockets;

namespace Relay.Node.Tests.WebSockets;

public sealed class ConnectionGateTests
{
    [Theory]
    [InlineData(null, 600, 100, 300)]
    [InlineData(null, 600, 200, 222)]
    [InlineData(100, 600, 100, 100)]
    [InlineData(10_000, 600, 100, 300)]
    [InlineData(10_000, null, 100, 10_000)]
    public void The_limit_is_what_was_asked_for_as_far_as_the_file_limit_allows(int? wanted, int? files, int inUse, int expected)
    {
        var gate = ConnectionGate.Create(new WebSocketServerOptions { MaxConnections = wanted }, files, inUse);
        Assert.Equal(expected, gate.Limit);
        Assert.Equal(expected + 50, gate.OpenLimit);
    }

    [Fact]
    public void A_file_limit_without_room_for_a_client_is_an_error_that_says_so()
    {
        var error = Assert.Throws<InvalidOperationException>(() => ConnectionGate.Create(new WebSocketServerOptions(), 300, 0));
        Assert.Contains("ulimit", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_descriptors_of_this_process_are_counted() => Assert.InRange(FileLimit.InUse(), 3, FileLimit.Read() ?? int.MaxValue);

    [Fact]
    public void Beyond_the_limit_connections_are_refused_and_beyond_the_band_dropped()
    {
        var gate = new ConnectionGate(2, 1);
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => gate.TryEnter()));
        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(_ => gate.TryAdmit()));
        Assert.Equal((3, 2, 1L, 1L), (gate.Open, gate.Admitted, gate.Refused, gate.Dropped));
        gate.Release();
        gate.Leave();
        Assert.True(gate.TryEnter());
        Assert.True(gate.TryAdmit());
    }

    [Theory]
    [InlineData("Max open files            600                  1000                 files     ", 600)]
    [InlineData("Max processes 1 2 processes\nMax open files            20000                20000                files\n", 20_000)]
    [InlineData("Max open files            unlimited            unlimited            files     ", null)]
    [InlineData("Max processes 1 2 processes\n", null)]
    [InlineData("", null)]
    public void The_soft_limit_is_read_from_the_kernels_table(string text, int? expected) => Assert.Equal(expected, FileLimit.Parse(text));
}
