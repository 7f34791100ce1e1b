using System.Buffers;

namespace Relay.Protocol;

/// <summary><c>projects</c>, the task tracker (protocols.md): <c>{"type":…,"payload":…}</c> from the server, nothing from the client.</summary>
public sealed class ProjectsDialect : IDialect
{
    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public ProjectsDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>Limits and intervals of protocols.md.</summary>
    public static DialectProfile DefaultProfile { get; } = new() { Kind = DialectKind.Projects, Name = "projects", IgnoresClient = true };

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => null;

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        json.Raw("{"u8);
        WriteTypeAndPayload(ref json, publication);
        json.Raw("}"u8);
        json.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output) => false;

    /// <summary>Writes <c>"type":…,"payload":…</c>; a missing payload is <c>null</c>.</summary>
    internal static void WriteTypeAndPayload(ref JsonText json, Publication publication)
    {
        json.Raw("\"type\":"u8);
        json.String(publication.Event);
        json.Raw(",\"payload\":"u8);
        json.Raw(publication.Data.IsEmpty ? "null"u8 : publication.Data.Span);
    }
}
