using System.Text;

namespace Relay.Protocol.Tests.Model;

// The rules: W3C Trace Context, §3.2 and §4.3.
public sealed class TraceParentTests
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string Span = "00f067aa0ba902b7";

    [Theory]
    [InlineData($"00-{Trace}-{Span}-01")]
    [InlineData($"00-{Trace}-{Span}-03")]
    [InlineData($"00-{Trace}-{Span}-ff")]
    [InlineData($"01-{Trace}-{Span}-01")]
    [InlineData($"cc-{Trace}-{Span}-01-what-the-future-will-be-like")]
    public void What_is_sampled_is_read(string text)
    {
        var read = TraceParent.Parse(text);
        Assert.NotNull(read);
        Assert.Equal((Trace, Span), (read.TraceId.ToHexString(), read.SpanId.ToHexString()));
        Assert.Equal($"00-{Trace}-{Span}-01", read.ToString());
        Assert.True(read.Context.IsRemote);
        Assert.NotNull(TraceParent.Parse(Encoding.UTF8.GetBytes(text)));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("00")]
    [InlineData($"00-{Trace}-{Span}-00")]
    [InlineData($"00-{Trace}-{Span}-02")]
    [InlineData($"ff-{Trace}-{Span}-01")]
    [InlineData($"00-{Trace}-{Span}-01-more")]
    [InlineData($"cc-{Trace}-{Span}-01.more")]
    [InlineData($"00-00000000000000000000000000000000-{Span}-01")]
    [InlineData($"00-{Trace}-0000000000000000-01")]
    [InlineData($"00-4BF92F3577B34DA6A3CE929D0E0E4736-{Span}-01")]
    [InlineData($"0g-{Trace}-{Span}-01")]
    [InlineData($"00-{Trace}-{Span}-0x")]
    [InlineData($"00-{Trace}_{Span}-01")]
    [InlineData($"00-{Trace}-{Span}")]
    [InlineData($" 00-{Trace}-{Span}-01")]
    [InlineData("00-éééééééééééééééééééééééééééééééé-00f067aa0ba902b7-01")]
    public void What_is_malformed_or_not_sampled_is_none(string? text) => Assert.Null(TraceParent.Parse(text));

    [Fact]
    public void It_goes_from_node_to_node_as_it_is()
    {
        var trace = TraceParent.Parse($"00-{Trace}-{Span}-01")!;
        var bytes = new byte[TraceParent.Bytes];
        trace.CopyTo(bytes);
        Assert.Equal(trace.ToString(), TraceParent.FromBytes(bytes)!.ToString());
        Assert.Null(TraceParent.FromBytes(bytes.AsSpan(1)));
        Assert.Null(TraceParent.FromBytes(new byte[TraceParent.Bytes]));
    }
}
