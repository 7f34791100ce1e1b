namespace Relay.Redis.Resp;

internal static class RespText
{
    /// <summary>The first bytes of something unexpected, safe for a log line: at most 32, everything but printable ASCII as a dot.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        const int Shown = 32;
        var take = Math.Min(bytes.Length, Shown);
        Span<char> text = stackalloc char[Shown + 1];
        for (var i = 0; i < take; i++)
            text[i] = bytes[i] is >= 0x20 and < 0x7f ? (char)bytes[i] : '.';
        if (bytes.Length > Shown)
            text[take++] = '…';
        return new string(text[..take]);
    }
}
