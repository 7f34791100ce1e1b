using System.Buffers;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Walks a <c>Sec-WebSocket-Extensions</c> value once, left to right (RFC 6455 §9.1):
/// <c>1#( token *( ";" token [ "=" ( token | quoted-string ) ] ) )</c>. A quoted value must be a token once unquoted.
/// </summary>
internal ref struct ExtensionParser(ReadOnlySpan<char> header)
{
    // Longer values than any parameter in use; a quoted value beyond it cannot be a known one and counts as malformed.
    private const int MaxValue = 64;

    private static readonly SearchValues<char> TokenChars =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private ReadOnlySpan<char> _rest = header;
    private char[]? _unquoted;

    /// <summary>Whether the grammar was broken; nothing more is yielded then.</summary>
    public bool Malformed { get; private set; }

    /// <summary>Whether a text is a token of RFC 9110 §5.6.2.</summary>
    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenChars);

    /// <summary>The next extension's name. All parameters of the one before must have been read.</summary>
    public bool TryNextExtension(out ReadOnlySpan<char> name)
    {
        name = default;

        // Empty elements of a list are skipped (RFC 9110 §5.6.1.2).
        _rest = _rest.TrimStart(" \t,");
        return !Malformed && !_rest.IsEmpty && TryTakeToken(out name) && AtBorder();
    }

    /// <summary>The next parameter of the current extension; false at its end. The value is valid until the next call.</summary>
    public bool TryNextParameter(out ReadOnlySpan<char> name, out ReadOnlySpan<char> value, out bool hasValue)
    {
        name = value = default;
        hasValue = false;
        if (Malformed || _rest is not [';', ..])
        {
            return false;
        }

        _rest = TrimBlanks(_rest[1..]);
        if (!TryTakeToken(out name))
        {
            return false;
        }

        if (_rest is ['=', ..])
        {
            hasValue = true;
            _rest = TrimBlanks(_rest[1..]);
            if (_rest is ['"', ..] ? !TryTakeQuoted(out value) : !TryTakeToken(out value))
            {
                return false;
            }
        }

        return AtBorder();
    }

    private static ReadOnlySpan<char> TrimBlanks(ReadOnlySpan<char> text) => text.TrimStart(" \t");

    private bool AtBorder()
    {
        Malformed = _rest is not ([] or [',', ..] or [';', ..]);
        return !Malformed;
    }

    private bool TryTakeToken(out ReadOnlySpan<char> token)
    {
        int end = _rest.IndexOfAnyExcept(TokenChars);
        token = end < 0 ? _rest : _rest[..end];
        _rest = TrimBlanks(_rest[token.Length..]);
        Malformed = token.IsEmpty;
        return !Malformed;
    }

    private bool TryTakeQuoted(out ReadOnlySpan<char> value)
    {
        value = default;
        char[] unquoted = _unquoted ??= new char[MaxValue];
        int length = 0;
        for (int i = 1; i < _rest.Length; i++)
        {
            char c = _rest[i];
            if (c == '"')
            {
                value = unquoted.AsSpan(0, length);
                _rest = TrimBlanks(_rest[(i + 1)..]);
                Malformed = !IsToken(value);
                return !Malformed;
            }

            if (c == '\\' && ++i < _rest.Length)
            {
                c = _rest[i];
            }

            if (length == MaxValue)
            {
                break;
            }

            unquoted[length++] = c;
        }

        Malformed = true;
        return false;
    }
}
