using System.Buffers;

namespace Relay.Protocol.Handshake;

/// <summary>
/// The lines of a complete head, read once: request line apart, header lines into a table, and the first defect noted
/// without stopping, because only an upgrade is refused for it.
/// </summary>
internal ref struct HeadLines(ReadOnlySpan<byte> head, Span<HeaderField> fields)
{
    private static readonly SearchValues<byte> Controls = SearchValues.Create(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    private static readonly SearchValues<byte> TokenChars =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    private readonly Span<HeaderField> _fields = fields;
    private bool _upgrade;
    private bool _connection;

    public ReadOnlySpan<byte> Head { get; } = head;

    /// <summary>The request line without its line end.</summary>
    public ReadOnlySpan<byte> RequestLine { get; private set; }

    /// <summary>Header lines read.</summary>
    public int Count { get; private set; }

    /// <summary>The first break of RFC 9112 §2.2, §5; null when there is none.</summary>
    public string? Defect { get; private set; }

    public readonly bool AsksForWebSocket => _upgrade && _connection;

    public readonly ReadOnlySpan<HeaderField> Fields => _fields[..Count];

    public readonly ReadOnlySpan<byte> Name(HeaderField field) => Head.Slice(field.NameStart, field.NameLength);

    public readonly ReadOnlySpan<byte> Value(HeaderField field) => Head.Slice(field.ValueStart, field.ValueLength);

    public static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenChars);

    /// <summary>False when there are more header lines than allowed.</summary>
    public bool ReadAll()
    {
        int at = 0;
        RequestLine = Line(ref at);
        while (true)
        {
            int start = at;
            ReadOnlySpan<byte> line = Line(ref at);
            if (line.IsEmpty)
            {
                return true;
            }

            if (line[0] is (byte)' ' or (byte)'\t')
            {
                Defect ??= "A header line is folded.";
                continue;
            }

            if (Count == _fields.Length)
            {
                return false;
            }

            ReadField(line, start);
        }
    }

    private void ReadField(ReadOnlySpan<byte> line, int start)
    {
        int colon = line.IndexOf((byte)':');
        if (colon <= 0)
        {
            Defect ??= "A header line has no name.";
            return;
        }

        ReadOnlySpan<byte> name = line[..colon];
        if (!IsToken(name))
        {
            Defect ??= "A header name is not a token.";
            name = name.TrimEnd(" \t"u8);
        }

        ReadOnlySpan<byte> value = line[(colon + 1)..].TrimStart(" \t"u8);
        int valueStart = start + line.Length - value.Length;
        value = value.TrimEnd(" \t"u8);
        _fields[Count++] = new HeaderField(start, name.Length, valueStart, value.Length);

        if (name.Length == 7 && HeaderNames.Equal(name, "Upgrade"u8))
        {
            _upgrade |= HeaderNames.ListHolds(value, "websocket"u8);
        }
        else if (name.Length == 10 && HeaderNames.Equal(name, "Connection"u8))
        {
            _connection |= HeaderNames.ListHolds(value, "upgrade"u8);
        }
    }

    /// <summary>The line at a position, which moves behind it. The head ends with an empty line, so there always is one.</summary>
    private ReadOnlySpan<byte> Line(scoped ref int at)
    {
        ReadOnlySpan<byte> rest = Head[at..];
        int length = rest.IndexOf((byte)'\n');
        at += length + 1;
        if (length > 0 && rest[length - 1] == '\r')
        {
            length--;
        }
        else
        {
            Defect ??= "A line does not end with CR LF.";
        }

        ReadOnlySpan<byte> line = rest[..length];
        if (line.ContainsAny(Controls))
        {
            Defect ??= "The head holds a control character.";
        }

        return line;
    }
}
