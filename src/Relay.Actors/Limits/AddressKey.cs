using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Relay.Actors.Limits;

/// <summary>
/// Whom the limits per address count: an IPv4 address, or the first 64 bits of an IPv6 address, since a single subscriber is given as many addresses as it likes behind
/// these (RFC 6177).
/// </summary>
/// <param name="Prefix">The bits, the last 32 for IPv4.</param>
/// <param name="IsV6">Which it is.</param>
public readonly record struct AddressKey(ulong Prefix, bool IsV6)
{
    /// <summary>The key of an address; that of the IPv4 address inside where it is a mapped one.</summary>
    public static AddressKey Of(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        Span<byte> bytes = stackalloc byte[16];
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        plain.TryWriteBytes(bytes, out _);
        return plain.AddressFamily == AddressFamily.InterNetwork
            ? new AddressKey(BinaryPrimitives.ReadUInt32BigEndian(bytes), IsV6: false)
            : new AddressKey(BinaryPrimitives.ReadUInt64BigEndian(bytes), IsV6: true);
    }

    /// <summary>
    /// True for this machine, private and link-local networks, and those between carriers and their customers (RFC 1918, 6598, 4193, 3927, 4291): there an address is
    /// mostly a proxy, a balancer or a service of one's own, not one client.
    /// </summary>
    public bool IsPrivate => IsV6
        ? Prefix == 0 || (Prefix >> 57) == 0xFC >> 1 || (Prefix >> 54) == 0xFE80 >> 6
        : (uint)Prefix is var v4 && ((v4 >> 24) is 10 or 127 || (v4 >> 20) == 0xAC1 || (v4 >> 16) is 0xC0A8 or 0xA9FE || (v4 >> 22) == 0x6440 >> 6);

    /// <summary>As people write it: <c>203.0.113.7</c>, <c>2001:db8:1:2::/64</c>.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        if (!IsV6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Prefix);
            return new IPAddress(bytes[..4]).ToString();
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes, Prefix);
        return new IPAddress(bytes) + "/64";
    }
}
