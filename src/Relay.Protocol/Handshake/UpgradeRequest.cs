using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Relay.Protocol.Handshake;

/// <summary>One header line: where name and value lie in the head.</summary>
internal readonly record struct HeaderField(int NameStart, int NameLength, int ValueStart, int ValueLength);

/// <summary>
/// A request to become a WebSocket. Holds one copy of the head (so it outlives the pipe it was read from) and makes strings
/// only of what is asked for. Immutable; to be dropped once the handshake is over.
/// </summary>
public sealed class UpgradeRequest
{
    private readonly byte[] _head;
    private readonly HeaderField[] _fields;
    private readonly HeaderField _target;
    private string? _path;

    /// <param name="head">The head, or any bytes that hold what the fields point to.</param>
    /// <param name="target">Path (as the name) and query without '?' (as the value), both still encoded and known to be decodable.</param>
    /// <param name="fields">Header lines in their order.</param>
    internal UpgradeRequest(byte[] head, HeaderField target, HeaderField[] fields)
    {
        _head = head;
        _target = target;
        _fields = fields;
    }

    /// <summary>Bytes of the head to consume when it was read from a connection; whatever follows in the input are frames.</summary>
    public int HeadLength => _head.Length;

    /// <summary>The decoded path, beginning with '/'.</summary>
    public string Path => _path ??= PercentEncoding.TryDecode(Name(_target), plusIsSpace: false, out string? path) ? path : string.Empty;

    /// <summary>The query as sent, without '?'; empty when there is none. May hold secrets: not for logs.</summary>
    public string RawQuery => Encoding.Latin1.GetString(Value(_target));

    public string? Host => Header("Host");

    public string? Origin => Header("Origin");

    public string? Authorization => Header("Authorization");

    public string? UserAgent => Header("User-Agent");

    public string? XForwardedFor => Header("X-Forwarded-For");

    /// <summary><c>Sec-WebSocket-Key</c>: 24 characters; null only for Extended CONNECT.</summary>
    public string? Key => Header("Sec-WebSocket-Key");

    /// <summary>The subprotocols the client names, in its order.</summary>
    public IReadOnlyList<string> Subprotocols =>
        Header("Sec-WebSocket-Protocol")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>
    /// A request that arrived through an HTTP pipeline, so that the same checks and the same code after them serve both ways.
    /// Null when path or query cannot be decoded.
    /// </summary>
    /// <param name="encodedPath">Path as sent (still percent-encoded), beginning with '/'.</param>
    /// <param name="encodedQuery">Query as sent, with or without its '?'.</param>
    /// <param name="headers">Header lines; repeated names are repeated lines.</param>
    public static UpgradeRequest? FromHttp(string encodedPath, string encodedQuery, IEnumerable<KeyValuePair<string, string>> headers)
    {
        ArgumentNullException.ThrowIfNull(encodedPath);
        ArgumentNullException.ThrowIfNull(encodedQuery);
        ArgumentNullException.ThrowIfNull(headers);
        var text = new StringBuilder();
        var fields = new List<HeaderField>();
        string query = encodedQuery.StartsWith('?') ? encodedQuery[1..] : encodedQuery;
        text.Append(encodedPath).Append(query);
        var target = new HeaderField(0, encodedPath.Length, encodedPath.Length, query.Length);
        foreach ((string name, string value) in headers)
        {
            fields.Add(new HeaderField(text.Length, name.Length, text.Length + name.Length, value.Length));
            text.Append(name).Append(value);
        }

        // One byte per character keeps the positions true; header values are Latin-1 here as in the raw head.
        byte[] bytes = Encoding.Latin1.GetBytes(text.ToString());
        var request = new UpgradeRequest(bytes, target, [.. fields]);
        return PercentEncoding.IsValid(request.Name(target)) && PercentEncoding.IsValid(request.Value(target)) ? request : null;
    }

    /// <summary>Header lines of that name.</summary>
    public int HeaderCount(string name)
    {
        int count = 0;
        foreach (HeaderField field in _fields)
        {
            count += HeaderNames.Equal(Name(field), name) ? 1 : 0;
        }

        return count;
    }

    /// <summary>The value of a header, or null; several lines are joined with ", " (cookies with "; ").</summary>
    public string? Header(string name)
    {
        string? value = null;
        foreach (HeaderField field in _fields)
        {
            if (HeaderNames.Equal(Name(field), name))
            {
                string line = Encoding.Latin1.GetString(Value(field));
                value = value is null ? line : value + (name.Equals("Cookie", StringComparison.OrdinalIgnoreCase) ? "; " : ", ") + line;
            }
        }

        return value;
    }

    /// <summary>The value of a cookie, or null (RFC 6265 §4.2.1: <c>name=value; name=value</c>). Surrounding quotes are kept.</summary>
    public string? Cookie(string name)
    {
        ReadOnlySpan<char> rest = Header("Cookie");
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf(';');
            ReadOnlySpan<char> pair = (end < 0 ? rest : rest[..end]).Trim(' ');
            rest = end < 0 ? default : rest[(end + 1)..];
            int equals = pair.IndexOf('=');
            if (equals > 0 && pair[..equals].SequenceEqual(name))
            {
                return pair[(equals + 1)..].ToString();
            }
        }

        return null;
    }

    /// <summary>
    /// The first value of a query parameter, decoded ('+' is a space). True also for a parameter without a value: then "" comes back.
    /// </summary>
    public bool TryGetQuery(string name, [NotNullWhen(true)] out string? value)
    {
        ReadOnlySpan<byte> rest = Value(_target);
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'&');
            ReadOnlySpan<byte> pair = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            int equals = pair.IndexOf((byte)'=');
            ReadOnlySpan<byte> key = equals < 0 ? pair : pair[..equals];
            if (IsNamed(key, name))
            {
                return PercentEncoding.TryDecode(equals < 0 ? default : pair[(equals + 1)..], plusIsSpace: true, out value);
            }
        }

        value = null;
        return false;
    }

    /// <summary>The bytes of the key as they were sent.</summary>
    internal ReadOnlySpan<byte> KeyBytes
    {
        get
        {
            foreach (HeaderField line in _fields)
            {
                if (HeaderNames.Equal(Name(line), "Sec-WebSocket-Key"))
                {
                    return Value(line);
                }
            }

            return default;
        }
    }

    private static bool IsNamed(ReadOnlySpan<byte> key, string name) =>
        Ascii.Equals(key, name)
        || (key.ContainsAny((byte)'%', (byte)'+')
            && PercentEncoding.TryDecode(key, plusIsSpace: true, out string? decoded)
            && string.Equals(decoded, name, StringComparison.Ordinal));

    private ReadOnlySpan<byte> Name(HeaderField field) => _head.AsSpan(field.NameStart, field.NameLength);

    private ReadOnlySpan<byte> Value(HeaderField field) => _head.AsSpan(field.ValueStart, field.ValueLength);
}
