using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Protocol.Handshake;

/// <summary>Writes the answers to an upgrade: 101 (RFC 6455 §4.2.2) or a refusal that ends the connection.</summary>
public static class HandshakeResponse
{
    // Base64 of a SHA-1 hash.
    private const int AcceptLength = 28;

    private static ReadOnlySpan<byte> Guid => "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8;

    private static ReadOnlySpan<byte> SwitchingProtocols =>
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "u8;

    /// <summary>Writes the 101 answer to a request.</summary>
    public static void WriteAccept(IBufferWriter<byte> output, UpgradeRequest request, in HandshakeAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(request);
        output.Write(SwitchingProtocols);
        WriteAcceptValue(output.GetSpan(AcceptLength), request.KeyBytes);
        output.Advance(AcceptLength);
        output.Write("\r\n"u8);
        if (answer.Subprotocol is { } subprotocol)
        {
            WriteField(output, "Sec-WebSocket-Protocol", subprotocol);
        }

        if (answer.Extensions is { } extensions)
        {
            WriteField(output, "Sec-WebSocket-Extensions", extensions);
        }

        output.Write("\r\n"u8);
    }

    /// <summary>Writes a refusal: status line, <c>Connection: close</c>, the refusal's fields, and its body with its length.</summary>
    public static void WriteRefusal(IBufferWriter<byte> output, HandshakeRefusal refusal)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(refusal);
        int length = Encoding.UTF8.GetByteCount(refusal.Body);
        WriteAscii(output, $"HTTP/1.1 {refusal.Status} {ReasonPhrase(refusal.Status)}\r\n");
        WriteField(output, "Connection", "close");
        WriteField(output, "Content-Type", refusal.ContentType);
        WriteField(output, "Content-Length", length.ToString());
        foreach ((string name, string value) in refusal.Headers)
        {
            WriteField(output, name, value);
        }

        output.Write("\r\n"u8);
        Encoding.UTF8.GetBytes(refusal.Body, output.GetSpan(length));
        output.Advance(length);
    }

    /// <summary>The value of <c>Sec-WebSocket-Accept</c> for a key: 28 characters.</summary>
    public static string AcceptValue(string key)
    {
        Span<byte> accept = stackalloc byte[AcceptLength];
        WriteAcceptValue(accept, Encoding.Latin1.GetBytes(key));
        return Encoding.ASCII.GetString(accept);
    }

    [SuppressMessage("Security", "CA5350", Justification = "RFC 6455 §4.2.2 prescribes SHA-1; it proves nothing but that the peer speaks WebSocket.")]
    private static void WriteAcceptValue(Span<byte> accept, ReadOnlySpan<byte> key)
    {
        // A checked key has 24 bytes.
        Span<byte> text = stackalloc byte[24 + 36];
        key.CopyTo(text);
        Guid.CopyTo(text[key.Length..]);
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(text[..(key.Length + Guid.Length)], hash);
        Base64.EncodeToUtf8(hash, accept, out _, out _);
    }

    private static void WriteField(IBufferWriter<byte> output, string name, string value)
    {
        // A line end here would let one field become two.
        if (name.AsSpan().ContainsAnyInRange('\0', '\x1F') || value.AsSpan().ContainsAnyInRange('\0', '\x1F'))
        {
            throw new ArgumentException($"Header {name} holds a control character.", nameof(value));
        }

        WriteAscii(output, name);
        output.Write(": "u8);
        WriteAscii(output, value);
        output.Write("\r\n"u8);
    }

    private static void WriteAscii(IBufferWriter<byte> output, string text)
    {
        int written = Encoding.Latin1.GetBytes(text, output.GetSpan(text.Length));
        output.Advance(written);
    }

    private static string ReasonPhrase(int status) => status switch
    {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    };
}
