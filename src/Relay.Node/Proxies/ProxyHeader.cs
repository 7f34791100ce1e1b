using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Node.Proxies;

/// <summary>What the first bytes of a connection are.</summary>
internal enum ProxyHeaderStatus
{
    /// <summary>It may become a header.</summary>
    NeedMoreData,

    /// <summary>Complete.</summary>
    Complete,

    /// <summary>No header, or a wrong one: nothing that follows can be trusted.</summary>
    Invalid,
}

/// <summary>
/// The PROXY protocol, versions 1 and 2 (haproxy.org, <c>proxy-protocol.txt</c>): what a proxy says of the client before anything the client says. The address is taken for TCP
/// over IPv4 and IPv6; <c>LOCAL</c> and <c>UNKNOWN</c> are the proxy's own connections, e.g. its health checks. TLVs are passed over. Pure.
/// </summary>
internal static class ProxyHeader
{
    /// <summary>Longest header taken: version 1 has 107 bytes at most, version 2 with all usual TLVs some hundred.</summary>
    public const int MaxBytes = 2048;

    private const int MaxLine = 107;
    private const int FixedBytes = 16;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Looks at what has come so far.</summary>
    /// <param name="bytes">From the first byte of the connection.</param>
    /// <param name="length">Bytes of a complete header; what follows is the client's.</param>
    /// <param name="source">The client; null when the proxy speaks for itself.</param>
    public static ProxyHeaderStatus Parse(ReadOnlySpan<byte> bytes, out int length, out IPEndPoint? source)
    {
        length = 0;
        source = null;
        return Begins(bytes, "PROXY "u8) ? ParseLine(bytes, out length, out source)
            : Begins(bytes, Signature) ? ParseBinary(bytes, out length, out source)
            : ProxyHeaderStatus.Invalid;
    }

    private static bool Begins(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> with) =>
        bytes.Length < with.Length ? with.StartsWith(bytes) : bytes.StartsWith(with);

    private static ProxyHeaderStatus ParseLine(ReadOnlySpan<byte> bytes, out int length, out IPEndPoint? source)
    {
        source = null;
        length = 0;
        var end = bytes[..Math.Min(bytes.Length, MaxLine)].IndexOf("\r\n"u8);
        if (end < 0)
        {
            return bytes.Length < MaxLine ? ProxyHeaderStatus.NeedMoreData : ProxyHeaderStatus.Invalid;
        }

        length = end + 2;
        var parts = Encoding.Latin1.GetString(bytes[..end]).Split(' ');
        if (parts is ["PROXY", "UNKNOWN", ..])
        {
            return ProxyHeaderStatus.Complete;
        }

        if (parts is not ["PROXY", "TCP4" or "TCP6", var from, var to, var fromPort, var toPort]
            || !TryAddress(parts[1], from, out var address) || !TryAddress(parts[1], to, out _) || !TryPort(fromPort, out var port) || !TryPort(toPort, out _))
        {
            return ProxyHeaderStatus.Invalid;
        }

        source = new IPEndPoint(address!, port);
        return ProxyHeaderStatus.Complete;
    }

    private static ProxyHeaderStatus ParseBinary(ReadOnlySpan<byte> bytes, out int length, out IPEndPoint? source)
    {
        source = null;
        length = 0;
        if (bytes.Length < FixedBytes)
        {
            return ProxyHeaderStatus.NeedMoreData;
        }

        var (version, command, family) = (bytes[12] >> 4, bytes[12] & 0xF, bytes[13]);
        length = FixedBytes + BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        if (version != 2 || command > 1 || length > MaxBytes)
        {
            return ProxyHeaderStatus.Invalid;
        }

        if (bytes.Length < length)
        {
            return ProxyHeaderStatus.NeedMoreData;
        }

        var rest = bytes[FixedBytes..length];
        switch (command, family)
        {
            case (0, _):
                return ProxyHeaderStatus.Complete;
            case (1, 0x11) when rest.Length >= 12:
                source = new IPEndPoint(new IPAddress(rest[..4]), BinaryPrimitives.ReadUInt16BigEndian(rest[8..]));
                return ProxyHeaderStatus.Complete;
            case (1, 0x21) when rest.Length >= 36:
                source = new IPEndPoint(Plain(new IPAddress(rest[..16])), BinaryPrimitives.ReadUInt16BigEndian(rest[32..]));
                return ProxyHeaderStatus.Complete;
            case (1, 0x11 or 0x21):
                return ProxyHeaderStatus.Invalid;
            default:
                // Unspecified, or not of TCP: the proxy does not know.
                return ProxyHeaderStatus.Complete;
        }
    }

    private static bool TryAddress(string family, string text, out IPAddress? address)
    {
        var wanted = family is "TCP4" ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        if (!IPAddress.TryParse(text, out address) || address.AddressFamily != wanted || (wanted == AddressFamily.InterNetwork && text.Count('.') != 3) || text.Contains('%', StringComparison.Ordinal))
        {
            return false;
        }

        address = Plain(address);
        return true;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= ushort.MaxValue && (text.Length == 1 || text[0] != '0');

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
