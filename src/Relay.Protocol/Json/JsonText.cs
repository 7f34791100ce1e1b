using System.Buffers;
using System.Buffers.Text;
using System.Text.Unicode;

namespace Relay.Protocol;

/// <summary>
/// Writes JSON envelopes straight into a buffer writer: no <c>Utf8JsonWriter</c> object, no state, no spaces. The caller writes the punctuation as
/// literals, which shows the frame as it stands in protocols.md, and calls <see cref="Flush"/> once at the end.
/// <para>
/// Strings are escaped as RFC 8259 section 7 asks and no further: quote, backslash and control characters. Non-ASCII text stays as it is; a lone
/// surrogate, which has no UTF-8 form, becomes U+FFFD. Escaped names are not cached: an event is encoded once per dialect, and the vectorised
/// search and transcoding of a name take about as long as a look-up.
/// </para>
/// </summary>
internal ref struct JsonText
{
    // Enough for an envelope with ordinary names, so that one span serves the whole frame around the payload.
    private const int FirstSpan = 512;

    private static readonly SearchValues<char> Escaped = SearchValues.Create(['"', '\\', .. Enumerable.Range(0, 0x20).Select(static i => (char)i)]);

    private readonly IBufferWriter<byte> _output;
    private Span<byte> _span;
    private int _used;

    /// <summary>Starts writing at the end of <paramref name="output"/>.</summary>
    public JsonText(IBufferWriter<byte> output)
    {
        _output = output;
        _span = output.GetSpan(FirstSpan);
    }

    /// <summary>Hands everything written over to the output. The last call.</summary>
    public void Flush()
    {
        _output.Advance(_used);
        _span = default;
        _used = 0;
    }

    /// <summary>Bytes as they are: punctuation, or a value that is JSON already.</summary>
    public void Raw(scoped ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _span.Length - _used)
        {
            Grow(bytes.Length);
        }

        bytes.CopyTo(_span[_used..]);
        _used += bytes.Length;
    }

    /// <summary>A quoted string; null becomes <c>null</c>.</summary>
    public void String(string? text)
    {
        if (text is null)
        {
            Raw("null"u8);
            return;
        }

        Raw("\""u8);
        Escape(text);
        Raw("\""u8);
    }

    /// <summary>The inside of a quoted string.</summary>
    public void Escape(scoped ReadOnlySpan<char> text)
    {
        while (true)
        {
            var stop = text.IndexOfAny(Escaped);
            Transcode(stop < 0 ? text : text[..stop]);
            if (stop < 0)
            {
                return;
            }

            EscapeOne(text[stop]);
            text = text[(stop + 1)..];
        }
    }

    /// <summary>An integer.</summary>
    public void Number(long value)
    {
        Ensure(20);
        _ = Utf8Formatter.TryFormat(value, _span[_used..], out var written);
        _used += written;
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public void Boolean(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>An epoch, quoted.</summary>
    public void Epoch(Epoch epoch)
    {
        Ensure(Protocol.Epoch.TextLength + 2);
        _span[_used] = (byte)'"';
        epoch.Format(_span[(_used + 1)..]);
        _used += Protocol.Epoch.TextLength + 1;
        _span[_used++] = (byte)'"';
    }

    /// <summary>The event's id, quoted.</summary>
    public void MessageId(Publication publication)
    {
        Ensure(Protocol.MessageId.MaxLength + 2);
        _span[_used++] = (byte)'"';
        _used += Protocol.MessageId.Write(publication, _span[_used..]);
        _span[_used++] = (byte)'"';
    }

    /// <summary>An instant as <c>"2026-01-31T12:00:00.000000Z"</c>, quoted.</summary>
    public void Instant(long micros)
    {
        Ensure(InstantText.Length + 2);
        _span[_used++] = (byte)'"';
        InstantText.Write(micros, _span[_used..]);
        _used += InstantText.Length;
        _span[_used++] = (byte)'"';
    }

    /// <summary>16 lower-case hex digits, quoted.</summary>
    public void Hex(ulong bits)
    {
        Ensure(18);
        _span[_used++] = (byte)'"';
        _ = Utf8Formatter.TryFormat(bits, _span[_used..], out var written, new StandardFormat('x', 16));
        _used += written;
        _span[_used++] = (byte)'"';
    }

    private void EscapeOne(char c)
    {
        Ensure(6);
        _span[_used++] = (byte)'\\';
        var shortForm = c switch
        {
            '"' or '\\' => (byte)c,
            '\b' => (byte)'b',
            '\f' => (byte)'f',
            '\n' => (byte)'n',
            '\r' => (byte)'r',
            '\t' => (byte)'t',
            _ => (byte)'u',
        };
        _span[_used++] = shortForm;
        if (shortForm == (byte)'u')
        {
            _ = Utf8Formatter.TryFormat((ushort)c, _span[_used..], out var written, new StandardFormat('x', 4));
            _used += written;
        }
    }

    private void Transcode(scoped ReadOnlySpan<char> text)
    {
        // A UTF-16 unit is three bytes at most (a pair is four).
        Ensure(checked(text.Length * 3));
        _ = Utf8.FromUtf16(text, _span[_used..], out _, out var written);
        _used += written;
    }

    private void Ensure(int bytes)
    {
        if (bytes > _span.Length - _used)
        {
            Grow(bytes);
        }
    }

    private void Grow(int bytes)
    {
        _output.Advance(_used);
        _used = 0;
        _span = _output.GetSpan(Math.Max(bytes, FirstSpan));
    }
}
