using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace Relay.Actors.Connections;

/// <summary>
/// The tokens by which native clients take up their sessions again: the session's number and a keyed hash of it. So a token can be told at any time and
/// costs nothing while its connection lives. A token is a secret of 128 bits beside the number; it ends with the key, that is with the process. Thread-safe.
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
        session = 0;
        Span<byte> token = stackalloc byte[TokenBytes];
        if (text.Length != Base64Url.GetEncodedLength(TokenBytes)
            || Base64Url.DecodeFromChars(text, token, out _, out var written) != OperationStatus.Done || written != TokenBytes)
        {
            return false;
        }

        Span<byte> expected = stackalloc byte[TokenBytes];
        session = BinaryPrimitives.ReadInt64BigEndian(token);
        Write(session, expected);
        return CryptographicOperations.FixedTimeEquals(token, expected);
    }

    private void Write(long session, Span<byte> token)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        BinaryPrimitives.WriteInt64BigEndian(token, session);
        HMACSHA256.HashData(_key, token[..NumberBytes], hash);
        hash[..ProofBytes].CopyTo(token[NumberBytes..]);
    }
}
