using System.Buffers;
using System.Text;

namespace Relay.Protocol.Handshake;

/// <summary>
/// The rules an upgrade over HTTP/1.1 must keep beyond the form of its lines: request line and target (RFC 9112 §3), Host (§3.2),
/// no body, and then those of <see cref="HandshakeRules"/>. The first one broken decides the answer.
/// </summary>
internal static class RequestRules
{
    private static readonly SearchValues<byte> NotInAuthority = SearchValues.Create(" \t,/?#@\\\"<>"u8);

    private static readonly HandshakeRefusal BadRequestLine = HandshakeRefusal.BadRequest("The request line is malformed.");
    private static readonly HandshakeRefusal OldVersion = HandshakeRefusal.BadRequest("A WebSocket upgrade needs HTTP/1.1.");
    private static readonly HandshakeRefusal BadTarget = HandshakeRefusal.BadRequest("The request target is malformed.");
    private static readonly HandshakeRefusal BadEncoding = HandshakeRefusal.BadRequest("The request target cannot be decoded.");
    private static readonly HandshakeRefusal BadHost = HandshakeRefusal.BadRequest("Exactly one valid Host header is required.");

    public static HandshakeRefusal? Check(ref HeadLines lines, out UpgradeRequest? request)
    {
        request = null;
        HandshakeRefusal? refusal = CheckRequestLine(lines.RequestLine, out ReadOnlySpan<byte> target);
        if (refusal is not null)
        {
            return refusal;
        }

        ReadOnlySpan<byte> host = default;
        int hosts = 0;
        int transferEncodings = 0;
        int contentLengths = 0;
        ReadOnlySpan<byte> contentLength = default;
        foreach (HeaderField field in lines.Fields)
        {
            ReadOnlySpan<byte> name = lines.Name(field);
            if (HeaderNames.Equal(name, "Host"u8))
            {
                hosts++;
                host = lines.Value(field);
            }
            else if (HeaderNames.Equal(name, "Content-Length"u8))
            {
                contentLengths++;
                contentLength = lines.Value(field);
            }
            else if (HeaderNames.Equal(name, "Transfer-Encoding"u8))
            {
                transferEncodings++;
            }
        }

        if (hosts != 1 || !IsAuthority(host))
        {
            return BadHost;
        }

        // Only "0" passes, so one character of the value is enough to tell.
        refusal = HandshakeRules.CheckNoBody(contentLengths, contentLength is [(byte)'0'] ? "0" : "1", transferEncodings);
        if (refusal is not null)
        {
            return refusal;
        }

        refusal = SplitTarget(lines.Head, target, host, out HeaderField parts);
        if (refusal is not null)
        {
            return refusal;
        }

        var candidate = new UpgradeRequest(lines.Head.ToArray(), parts, lines.Fields.ToArray());
        refusal = HandshakeRules.Check(candidate);
        request = refusal is null ? candidate : null;
        return refusal;
    }

    private static HandshakeRefusal? CheckRequestLine(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> target)
    {
        target = default;
        int first = line.IndexOf((byte)' ');
        int last = line.LastIndexOf((byte)' ');
        if (first <= 0 || last <= first + 1 || !HeadLines.IsToken(line[..first]))
        {
            return BadRequestLine;
        }

        target = line[(first + 1)..last];
        ReadOnlySpan<byte> version = line[(last + 1)..];
        if (target.ContainsAnyExceptInRange((byte)0x21, (byte)0x7E) || version is not [(byte)'H', (byte)'T', (byte)'T', (byte)'P', (byte)'/', _, (byte)'.', _])
        {
            return BadRequestLine;
        }

        if (!version.SequenceEqual("HTTP/1.1"u8))
        {
            return version[5] is (byte)'1' or (byte)'0' ? OldVersion : HandshakeRefusal.VersionNotSupported;
        }

        return line[..first].SequenceEqual("GET"u8) ? null : HandshakeRefusal.MethodNotAllowed;
    }

    /// <summary>
    /// Finds path and query in origin form (<c>/path?query</c>) or in absolute form, whose authority must then equal Host
    /// (RFC 9112 §3.2.2). A fragment has no place in a WebSocket target (RFC 6455 §3).
    /// </summary>
    private static HandshakeRefusal? SplitTarget(ReadOnlySpan<byte> head, ReadOnlySpan<byte> target, ReadOnlySpan<byte> host, out HeaderField parts)
    {
        parts = default;
        int scheme = target.IndexOf("://"u8);
        if (target[0] != '/' && scheme > 0)
        {
            ReadOnlySpan<byte> rest = target[(scheme + 3)..];
            int slash = rest.IndexOf((byte)'/');
            if (slash < 0 || !IsWebScheme(target[..scheme]) || !Ascii.EqualsIgnoreCase(rest[..slash], host))
            {
                return BadTarget;
            }

            target = rest[slash..];
        }

        if (target[0] != '/' || target.Contains((byte)'#'))
        {
            return BadTarget;
        }

        int mark = target.IndexOf((byte)'?');
        ReadOnlySpan<byte> path = mark < 0 ? target : target[..mark];
        ReadOnlySpan<byte> query = mark < 0 ? default : target[(mark + 1)..];
        if (!PercentEncoding.IsValid(path) || !PercentEncoding.IsValid(query))
        {
            return BadEncoding;
        }

        head.Overlaps(target, out int start);
        parts = new HeaderField(start, path.Length, start + target.Length - query.Length, query.Length);
        return null;
    }

    private static bool IsWebScheme(ReadOnlySpan<byte> scheme) =>
        HeaderNames.Equal(scheme, "http"u8) || HeaderNames.Equal(scheme, "https"u8) || HeaderNames.Equal(scheme, "ws"u8) || HeaderNames.Equal(scheme, "wss"u8);

    /// <summary>Host and port, roughly: not empty and nothing that would end or split it.</summary>
    private static bool IsAuthority(ReadOnlySpan<byte> host) => !host.IsEmpty && !host.ContainsAny(NotInAuthority);
}
