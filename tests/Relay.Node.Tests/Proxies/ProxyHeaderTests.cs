using System.Net;
using System.Text;
using Relay.Node.Proxies;

namespace Relay.Node.Tests.Proxies;

public sealed class ProxyHeaderTests
{
    [Theory]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", "192.0.2.7:4711")]
    [InlineData("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "[2001:db8::7]:4711")]
    [InlineData("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7:1")]
    [InlineData("PROXY UNKNOWN\r\n", null)]
    [InlineData("PROXY UNKNOWN ffff:f 1 2 3\r\n", null)]
    public void A_line_of_version_1_names_the_client(string line, string? client)
    {
        var bytes = Encoding.ASCII.GetBytes(line + "GET / HTTP/1.1\r\n");
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeader.Parse(bytes, out var length, out var source));
        Assert.Equal((line.Length, client), (length, source?.ToString()));
        for (var cut = 0; cut < line.Length; cut++)
        {
            Assert.Equal(ProxyHeaderStatus.NeedMoreData, ProxyHeader.Parse(bytes.AsSpan(0, cut), out _, out _));
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 4711 70000\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n")]
    [InlineData("PROXY TCP4 1 198.51.100.1 4711 443\r\n")]
    [InlineData("PROXY TCP4 2001:db8::7 198.51.100.1 4711 443\r\n")]
    [InlineData("PROXY TCP6 192.0.2.7 ::1 4711 443\r\n")]
    [InlineData("PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n")]
    [InlineData("PROXY UDP4 192.0.2.7 198.51.100.1 4711 443\r\n")]
    [InlineData("proxy TCP4 192.0.2.7 198.51.100.1 4711 443\r\n")]
    public void Any_other_line_is_none(string line) => Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.Parse(Encoding.ASCII.GetBytes(line), out _, out _));

    [Fact]
    public void A_line_without_an_end_is_none() =>
        Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.Parse(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 200)), out _, out _));

    [Fact]
    public void A_header_of_version_2_names_the_client()
    {
        byte[] v4 = Version2(0x21, 0x11, [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xBB, /* TLV */ 4, 0, 1, 0]);
        byte[] v6 = Version2(0x21, 0x21, [.. IPAddress.Parse("2001:db8::7").GetAddressBytes(), .. new byte[16], 0x12, 0x67, 1, 0xBB]);
        foreach (var (header, client) in new[] { (v4, "192.0.2.7:4711"), (v6, "[2001:db8::7]:4711") })
        {
            Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeader.Parse([.. header, 1, 2, 3], out var length, out var source));
            Assert.Equal((header.Length, client), (length, source!.ToString()));
            for (var cut = 0; cut < header.Length; cut++)
            {
                Assert.Equal(ProxyHeaderStatus.NeedMoreData, ProxyHeader.Parse(header.AsSpan(0, cut), out _, out _));
            }
        }
    }

    [Theory]
    [InlineData(0x20, 0x11)]
    [InlineData(0x20, 0x00)]
    [InlineData(0x21, 0x00)]
    [InlineData(0x21, 0x31)]
    [InlineData(0x21, 0x12)]
    public void Of_its_own_connections_and_of_others_than_TCP_a_proxy_names_nobody(byte command, byte family)
    {
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeader.Parse(Version2(command, family, new byte[12]), out var length, out var source));
        Assert.Equal((28, (IPEndPoint?)null), (length, source));
    }

    [Fact]
    public void A_wrong_header_of_version_2_is_none()
    {
        byte[][] wrong =
        [
            Version2(0x11, 0x11, new byte[12]), Version2(0x22, 0x11, new byte[12]), Version2(0x21, 0x11, new byte[11]), Version2(0x21, 0x21, new byte[35]),
            Version2(0x21, 0x11, new byte[ProxyHeader.MaxBytes]), [0x0D, 0x0A, 0x0D, 0x0A, 0x01],
        ];
        Assert.All(wrong, static bytes => Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.Parse(bytes, out _, out _)));
    }

    internal static byte[] Version2(byte command, byte family, byte[] rest) =>
        [.. "\r\n\r\n\0\r\nQUIT\n"u8, command, family, (byte)(rest.Length >> 8), (byte)rest.Length, .. rest];
}
