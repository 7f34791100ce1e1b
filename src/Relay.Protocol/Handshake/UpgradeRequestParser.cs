using System.Buffers;

namespace Relay.Protocol.Handshake;

/// <summary>What <see cref="UpgradeRequestParser"/> found.</summary>
public enum UpgradeStatus
{
    /// <summary>The head is not complete yet: call again with the same bytes and more.</summary>
    NeedMoreData,

    /// <summary>Not for us, or beyond the bounds: the connection goes on to the HTTP pipeline with all its bytes.</summary>
    NotAnUpgrade,

    /// <summary>A valid upgrade: <see cref="UpgradeRequest.HeadLength"/> bytes are to be consumed, frames follow.</summary>
    Upgrade,

    /// <summary>An upgrade that breaks a rule: answer with the refusal and close.</summary>
    Refuse,
}

/// <summary>
/// Reads one HTTP/1.1 request head (RFC 9112) on a connection that is to become a WebSocket (RFC 6455 §4.2.1).
/// One per connection, on the stack or in the state of the accepting loop; holds a number, no buffer.
/// </summary>
/// <remarks>
/// <para>Whether a request asks for a WebSocket is decided first, leniently: an <c>Upgrade</c> list with "websocket" and a <c>Connection</c>
/// list with "upgrade", in any line that can be read as those headers. Everything else goes to the HTTP pipeline untouched, malformed
/// or not: that one answers for itself. Only what is an upgrade is then held to the strict rules, and the first one
/// broken is the refusal. So a malformed upgrade cannot slip through as something else and be upgraded there by laxer rules.</para>
/// <para>The head ends at the first empty line, with or without CR: a parser that waited for CR LF CR LF alone would take the
/// bytes after a bare-LF head for more of it.</para>
/// </remarks>
public struct UpgradeRequestParser(HandshakeLimits limits)
{
    private readonly HandshakeLimits _limits = limits;

    // Bytes at the front that are known to hold no end of the head.
    private int _scanned;

    /// <summary>
    /// Looks at everything received so far on the connection.
    /// </summary>
    /// <param name="input">All bytes since the connection began; nothing is consumed.</param>
    /// <param name="request">The request when <see cref="UpgradeStatus.Upgrade"/> is returned.</param>
    /// <param name="refusal">The answer when <see cref="UpgradeStatus.Refuse"/> is returned.</param>
    public UpgradeStatus Parse(in ReadOnlySequence<byte> input, out UpgradeRequest? request, out HandshakeRefusal? refusal)
    {
        if (input.IsSingleSegment)
        {
            return Parse(input.FirstSpan, out request, out refusal);
        }

        int length = (int)Math.Min(input.Length, _limits.MaxHeadBytes);
        byte[] joined = ArrayPool<byte>.Shared.Rent(length);
        input.Slice(0, length).CopyTo(joined);
        UpgradeStatus status = Parse(joined.AsSpan(0, length), out request, out refusal);
        ArrayPool<byte>.Shared.Return(joined);
        return status;
    }

    /// <summary>As <see cref="Parse(in ReadOnlySequence{byte}, out UpgradeRequest, out HandshakeRefusal)"/>, for contiguous bytes.</summary>
    public UpgradeStatus Parse(ReadOnlySpan<byte> input, out UpgradeRequest? request, out HandshakeRefusal? refusal)
    {
        request = null;
        refusal = null;

        // TLS on a plain port, HTTP/2 without upgrade in binary, stray line ends: no method begins like that.
        if (!input.IsEmpty && !char.IsAsciiLetter((char)input[0]))
        {
            return UpgradeStatus.NotAnUpgrade;
        }

        int end = FindEnd(input[..Math.Min(input.Length, _limits.MaxHeadBytes)]);
        if (end < 0)
        {
            bool beyond = input.Length >= _limits.MaxHeadBytes || IsLineTooLong(input);
            return beyond ? UpgradeStatus.NotAnUpgrade : UpgradeStatus.NeedMoreData;
        }

        ReadOnlySpan<byte> head = input[..end];
        if (IsLineTooLong(head))
        {
            return UpgradeStatus.NotAnUpgrade;
        }

        HeaderField[]? rented = null;
        Span<HeaderField> fields = _limits.MaxHeaders <= 128
            ? stackalloc HeaderField[128]
            : rented = ArrayPool<HeaderField>.Shared.Rent(_limits.MaxHeaders);
        var lines = new HeadLines(head, fields[.._limits.MaxHeaders]);
        UpgradeStatus status = Decide(ref lines, out request, out refusal);
        if (rented is not null)
        {
            ArrayPool<HeaderField>.Shared.Return(rented);
        }

        return status;
    }

    private static UpgradeStatus Decide(ref HeadLines lines, out UpgradeRequest? request, out HandshakeRefusal? refusal)
    {
        request = null;
        refusal = null;
        if (!lines.ReadAll() || !lines.AsksForWebSocket)
        {
            return UpgradeStatus.NotAnUpgrade;
        }

        refusal = lines.Defect is { } defect ? HandshakeRefusal.BadRequest(defect) : RequestRules.Check(ref lines, out request);
        return refusal is null ? UpgradeStatus.Upgrade : UpgradeStatus.Refuse;
    }

    private readonly bool IsLineTooLong(ReadOnlySpan<byte> input) =>
        input.Length > _limits.MaxRequestLineBytes && !input[.._limits.MaxRequestLineBytes].Contains((byte)'\n');

    /// <summary>Length of the head with its empty line, or -1.</summary>
    private int FindEnd(ReadOnlySpan<byte> input)
    {
        int at = _scanned;
        while (true)
        {
            int found = input[at..].IndexOf((byte)'\n');
            if (found < 0)
            {
                _scanned = input.Length;
                return -1;
            }

            int next = at + found + 1;
            ReadOnlySpan<byte> after = input[next..];
            if (after is [(byte)'\n', ..])
            {
                return next + 1;
            }

            if (after is [(byte)'\r', (byte)'\n', ..])
            {
                return next + 2;
            }

            if (after is [] or [(byte)'\r'])
            {
                // The line end found may be the last but one: look at it again when more is there.
                _scanned = next - 1;
                return -1;
            }

            at = next;
        }
    }
}
