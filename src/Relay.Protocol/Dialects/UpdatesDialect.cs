using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>updates</c>, the AI-worker relay (protocols.md). A worker's Redis message reaches the client byte for byte; events of other publishers
/// get the same envelope. Clients say nothing.
/// </summary>
public sealed class UpdatesDialect : IDialect
{
    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public UpdatesDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md: the client expects a ping within 60 s.</summary>
    public static DialectProfile DefaultProfile { get; } = new()
    {
        Kind = DialectKind.Updates,
        Name = "updates",
        MaxMessageBytes = 512,
        PingInterval = TimeSpan.FromSeconds(54),
        IgnoresClient = true,
    };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => null;

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        if (publication.RawFormat == RawFormat.Updates && !publication.Raw.IsEmpty)
        {
            output.Write(publication.Raw.Span);
            return;
        }

        var json = new JsonText(output);
        json.Raw("{"u8);
        if (ChannelName.IsIn(publication.Channel, ChannelName.Users))
        {
            json.Raw("\"target_user_id\":\""u8);
            json.Escape(ChannelName.Id(publication.Channel));
            json.Raw("\","u8);
        }

        ProjectsDialect.WriteTypeAndPayload(ref json, publication);
        json.Raw("}"u8);
        json.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output) => false;
}
