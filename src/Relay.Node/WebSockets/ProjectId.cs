using System.Diagnostics.CodeAnalysis;

namespace Relay.Node.WebSockets;

/// <summary>
/// The four ways the task tracker's clients write a UUID (protocols.md, <c>projects</c>): hyphenated, in braces, behind <c>urn:uuid:</c>, 32 hex
/// digits. Not <see cref="Guid"/>'s parser: that one also takes surrounding blanks, signs and <c>0x</c> inside the groups.
/// </summary>
internal static class ProjectId
{
    private const string Urn = "urn:uuid:";

    /// <summary>True with the lower-case hyphenated form.</summary>
    public static bool TryNormalize(ReadOnlySpan<char> text, [NotNullWhen(true)] out string? canonical)
    {
        canonical = null;
        if (text.Length == 36 + Urn.Length && text.StartsWith(Urn, StringComparison.OrdinalIgnoreCase))
        {
            text = text[Urn.Length..];
        }
        else if (text is ['{', .. { Length: 36 } inner, '}'])
        {
            text = inner;
        }

        Span<char> digits = stackalloc char[32];
        if (!TryTakeDigits(text, digits))
        {
            return false;
        }

        canonical = Guid.ParseExact(digits, "N").ToString("D");
        return true;
    }

    private static bool TryTakeDigits(ReadOnlySpan<char> text, Span<char> digits)
    {
        var hyphenated = text.Length == 36;
        if (!hyphenated && text.Length != 32)
        {
            return false;
        }

        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (hyphenated && i is 8 or 13 or 18 or 23)
            {
                if (text[i] != '-')
                {
                    return false;
                }
            }
            else if (!char.IsAsciiHexDigit(text[i]))
            {
                return false;
            }
            else
            {
                digits[count++] = text[i];
            }
        }

        return true;
    }
}
