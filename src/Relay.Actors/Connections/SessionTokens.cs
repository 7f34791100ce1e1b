using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Relay.Actors.Connections;

/// <summary>
/// The tokens by which native clients take up their sessions again: the session's number and a keyed hash of it. So a token can be told at any time and
/// costs nothing while its connection lives. A token is a secret of 128 bits beside the number; the key ends with the process, and a session that goes to another node takes its
/// token along. Thread-safe.
/// </summary>
internal sealed class SessionTokens
{
    private const int NumberBytes = sizeof(long);
    private const int ProofBytes = 16;
    private const int TokenBytes = NumberBytes + ProofBytes;

    private readonly byte[] _key = new byte[32];

    /// <param name="randomBits">Unpredictable bits for the key.</param>
    public SessionTokens(Func<ulong> randomBits)
    {
        for (var at = 0; at < _key.Length; at += sizeof(ulong))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_key.AsSpan(at), randomBits());
        }
    }

    /// <summary>The token of a session: 32 characters of base64url.</summary>
    public string Of(long session)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        Write(session, token);
        return Base64Url.EncodeToString(token);
    }

    /// <summary>Reads a token; false when it is none of this process.</summary>
    public bool TryRead(string text, out long session)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        if (!TryDecode(text, token, out session))
        {
            return false;
        }

        Span<byte> expected = stackalloc byte[TokenBytes];
        Write(session, expected);
        return CryptographicOperations.FixedTimeEquals(token, expected);
    }

    /// <summary>Whether it is the token of that session.</summary>
    public bool IsOf(string text, SessionRecord record) =>
        record.Token is { } known ? AreSame(text, known) : TryRead(text, out var session) && session == record.Session;

    /// <summary>The session that a token names, whoever made it and whether it is genuine or not; false when it is no token at all.</summary>
    public static bool TryParse(string text, out long session) => TryDecode(text, stackalloc byte[TokenBytes], out session);

    /// <summary>Compares two tokens in a time that tells nothing about them.</summary>
    public static bool AreSame(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(one.AsSpan()), MemoryMarshal.AsBytes(other.AsSpan()));

    private static bool TryDecode(string text, Span<byte> token, out long session)
    {
        session = 0;
        if (text.Length != Base64Url.GetEncodedLength(TokenBytes)
            || Base64Url.DecodeFromChars(text, token, out _, out var written) != OperationStatus.Done || written != TokenBytes)
        {
            return false;
        }

        session = BinaryPrimitives.ReadInt64BigEndian(token);
        return true;
    }

    private void Write(long session, Span<byte> token)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        BinaryPrimitives.WriteInt64BigEndian(token, session);
        HMACSHA256.HashData(_key, token[..NumberBytes], hash);
        hash[..ProofBytes].CopyTo(token[NumberBytes..]);
    }
}
