using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;

namespace Relay.Protocol.Handshake;

/// <summary>Decoding of percent-encoded paths and queries (RFC 3986 §2.1), strictly: every '%' has two hex digits, the result is UTF-8.</summary>
internal static class PercentEncoding
{
    private const int StackBytes = 512;

    /// <summary>Whether a text can be decoded; costs one search when it holds no '%'.</summary>
    public static bool IsValid(ReadOnlySpan<byte> encoded) => !encoded.Contains((byte)'%') || TryDecode(encoded, plusIsSpace: false, null, out _);

    /// <param name="encoded">ASCII with percent escapes.</param>
    /// <param name="plusIsSpace">Whether '+' stands for a space, as in queries.</param>
    /// <param name="decoded">The text, when true is returned.</param>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, bool plusIsSpace, [NotNullWhen(true)] out string? decoded) =>
        TryDecode(encoded, plusIsSpace, Encoding.UTF8, out decoded) && decoded is not null;

    private static bool TryDecode(ReadOnlySpan<byte> encoded, bool plusIsSpace, Encoding? encoding, out string? decoded)
    {
        byte[]? rented = encoded.Length > StackBytes ? ArrayPool<byte>.Shared.Rent(encoded.Length) : null;
        Span<byte> bytes = rented ?? stackalloc byte[StackBytes];
        int length = Unescape(encoded, bytes, plusIsSpace);
        bool valid = length >= 0 && Utf8.IsValid(bytes[..length]);
        decoded = valid ? encoding?.GetString(bytes[..length]) : null;
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return valid;
    }

    /// <summary>Bytes written, or -1 when an escape is broken.</summary>
    private static int Unescape(ReadOnlySpan<byte> encoded, Span<byte> bytes, bool plusIsSpace)
    {
        int length = 0;
        for (int i = 0; i < encoded.Length; i++)
        {
            byte b = encoded[i];
            if (b == '%')
            {
                if (i + 2 >= encoded.Length || !char.IsAsciiHexDigit((char)encoded[i + 1]) || !char.IsAsciiHexDigit((char)encoded[i + 2]))
                {
                    return -1;
                }

                b = (byte)((HexValue(encoded[i + 1]) << 4) | HexValue(encoded[i + 2]));
                i += 2;
            }
            else if (b == '+' && plusIsSpace)
            {
                b = (byte)' ';
            }

            bytes[length++] = b;
        }

        return length;
    }

    private static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
