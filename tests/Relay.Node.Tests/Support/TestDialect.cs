using System.Buffers;
using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Node.Tests.Support;

/// <summary>A dialect with a profile and no words: enough for the server, which only reads the profile.</summary>
internal sealed class TestDialect(DialectKind kind) : IDialect
{
    public const int SmallMessage = 512;

    public DialectProfile Profile { get; } = new()
    {
        Kind = kind,
        Name = kind.ToString(),
        MaxMessageBytes = kind == DialectKind.WebUi ? SmallMessage : 64 * 1024,
    };

    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => null;

    public void EncodeEvent(Publication publication, IBufferWriter<byte> output) => throw new NotSupportedException();

    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output) => false;
}

/// <summary>Knows one token.</summary>
internal sealed class TestAuthenticator : IAuthenticator
{
    public const string GoodToken = "good-token";

    public bool IsRequired { get; init; }

    public Principal? Verify(string credential) =>
        string.Equals(credential, GoodToken, StringComparison.Ordinal) ? new Principal("user-7", true) : null;
}
