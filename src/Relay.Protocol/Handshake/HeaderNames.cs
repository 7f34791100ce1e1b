using System.Runtime.CompilerServices;
using System.Text;

namespace Relay.Protocol.Handshake;

/// <summary>Comparing header names and the elements of comma lists, without regard to case, without strings.</summary>
internal static class HeaderNames
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Equal(ReadOnlySpan<byte> name, ReadOnlySpan<char> expected) =>
        name.Length == expected.Length && Ascii.EqualsIgnoreCase(name, expected);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Equal(ReadOnlySpan<byte> name, ReadOnlySpan<byte> expected) =>
        name.Length == expected.Length && Ascii.EqualsIgnoreCase(name, expected);

    /// <summary>Whether a comma list holds an element.</summary>
    public static bool ListHolds(ReadOnlySpan<byte> list, ReadOnlySpan<byte> element)
    {
        while (!list.IsEmpty)
        {
            int comma = list.IndexOf((byte)',');
            if (Equal((comma < 0 ? list : list[..comma]).Trim(" \t"u8), element))
            {
                return true;
            }

            list = comma < 0 ? default : list[(comma + 1)..];
        }

        return false;
    }
}
