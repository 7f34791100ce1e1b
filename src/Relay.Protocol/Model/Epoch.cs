namespace Relay.Protocol;

/// <summary>
/// One life of a channel's sequence: 40 random bits, shown as eight characters of Crockford's base 32 in lower case.
/// Eight characters because every native event frame carries them; 40 bits because a repeat needs two lives of the same channel.
/// </summary>
public readonly record struct Epoch(ulong Value)
{
    /// <summary>Length of the text form in characters and in UTF-8 bytes.</summary>
    public const int TextLength = 8;

    private const ulong Mask = (1UL << 40) - 1;

    private static ReadOnlySpan<byte> Alphabet => "0123456789abcdefghjkmnpqrstvwxyz"u8;

    /// <summary>True for the default value, which no channel ever has.</summary>
    public bool IsNone => Value == 0;

    /// <summary>Draws a new epoch, never <see cref="IsNone"/>.</summary>
    public static Epoch New(Random random)
    {
        var value = (ulong)random.NextInt64() & Mask;
        return new Epoch(value == 0 ? 1 : value);
    }

    /// <summary>Writes the eight characters to <paramref name="destination"/>, which has room for them.</summary>
    public void Format(Span<byte> destination)
    {
        var value = Value;
        for (var i = TextLength - 1; i >= 0; i--)
        {
            destination[i] = Alphabet[(int)(value & 31)];
            value >>= 5;
        }
    }

    /// <summary>Reads the text form; false for anything that <see cref="Format"/> would not write.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Epoch epoch)
    {
        epoch = default;
        if (text.Length != TextLength)
        {
            return false;
        }

        ulong value = 0;
        foreach (var c in text)
        {
            var digit = Alphabet.IndexOf(c);
            if (digit < 0)
            {
                return false;
            }

            value = (value << 5) | (uint)digit;
        }

        epoch = new Epoch(value);
        return !epoch.IsNone;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        Span<byte> text = stackalloc byte[TextLength];
        Format(text);
        return System.Text.Encoding.ASCII.GetString(text);
    }
}
