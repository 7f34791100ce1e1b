using System.Buffers;

namespace Relay.Protocol;

/// <summary>
/// <c>sse</c>, the native dialect as an event stream (HTML Living Standard §9.2; protocols.md, Server-Sent Events): each message is one block of lines
/// that ends with an empty one, so blocks stand behind each other without further framing. The same bytes for every stream: a stream over several
/// channels has its ids rewritten on the way out, see <see cref="SseCursor"/>.
/// </summary>
public sealed class SseDialect : IDialect
{
    /// <summary>Time after which a browser comes back by itself, in milliseconds.</summary>
    public const int RetryMilliseconds = 2000;

    /// <summary>Room that is kept between two events with line breaks.</summary>
    private const int MaxKept = 64 * 1024;

    private static readonly SearchValues<byte> LineEnds = SearchValues.Create((byte)'\r', (byte)'\n');

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_lines;

    /// <summary>Creates the dialect, with <see cref="DefaultProfile"/> when no other is given.</summary>
    public SseDialect(DialectProfile? profile = null) => Profile = profile ?? DefaultProfile;

    /// <summary>The client never speaks: its silence means nothing.</summary>
    public static DialectProfile DefaultProfile { get; } = new()
    {
        Kind = DialectKind.Sse,
        Name = "sse",
        IdleTimeout = TimeSpan.MaxValue,
        IgnoresClient = true,
        IsStream = true,
    };

    /// <summary>With the default profile.</summary>
    public static SseDialect Default { get; } = new();

    /// <inheritdoc/>
    public DialectProfile Profile { get; }

    /// <inheritdoc/>
    public ClientCommand? Decode(ReadOnlySpan<byte> message, bool binary) => null;

    /// <inheritdoc/>
    public void EncodeEvent(Publication publication, IBufferWriter<byte> output)
    {
        var text = new JsonText(output);
        if (!publication.IsTransient)
        {
            Id(ref text, publication.Position);
        }

        text.Raw("data: "u8);
        if (publication.Data.Span.ContainsAny(LineEnds))
        {
            WriteLines(ref text, publication);
        }
        else
        {
            RelayJsonDialect.WriteEvent(ref text, publication);
        }

        text.Raw("\n\n"u8);
        text.Flush();
    }

    /// <inheritdoc/>
    public bool TryEncode(ServerMessage message, IBufferWriter<byte> output)
    {
        if (message is not (ConnectedMessage or SubscribedMessage or ReconnectMessage or GapMessage or PresenceChangeMessage))
        {
            return false;
        }

        var text = new JsonText(output);
        switch (message)
        {
            case ConnectedMessage:
                Retry(ref text, RetryMilliseconds);
                break;
            case SubscribedMessage subscribed:
                Subscribed(ref text, subscribed);
                break;
            case ReconnectMessage reconnect:
                text.Raw("event: reconnect\n"u8);
                Retry(ref text, reconnect.AfterMilliseconds);
                Native(ref text, message);
                break;
            case GapMessage:
                text.Raw("event: gap\n"u8);
                Native(ref text, message);
                break;
            case PresenceChangeMessage change:
                text.Raw(change.Joined ? "event: join\n"u8 : "event: leave\n"u8);
                Native(ref text, message);
                break;
        }

        text.Raw("\n"u8);
        text.Flush();
        return true;
    }

    private static void Subscribed(ref JsonText text, SubscribedMessage subscribed)
    {
        if (!subscribed.Start.Epoch.IsNone)
        {
            Id(ref text, subscribed.Start);
        }

        text.Raw("event: subscribed\ndata: {\"channel\":"u8);
        text.String(subscribed.Channel);
        RelayJsonFrames.Position(ref text, subscribed.Position);
        if (subscribed.Recovered is { } recovered)
        {
            text.Raw(",\"recovered\":"u8);
            text.Boolean(recovered);
        }

        text.Raw("}\n"u8);
    }

    private static void Native(ref JsonText text, ServerMessage message)
    {
        text.Raw("data: "u8);
        RelayJsonFrames.Write(ref text, message);
        text.Raw("\n"u8);
    }

    private static void Retry(ref JsonText text, long milliseconds)
    {
        text.Raw("retry: "u8);
        text.Number(milliseconds);
        text.Raw("\n"u8);
    }

    private static void Id(ref JsonText text, StreamPosition position)
    {
        text.Raw("id: "u8);
        Span<byte> id = stackalloc byte[StreamPosition.MaxTextLength];
        text.Raw(id[..position.Format(id)]);
        text.Raw("\n"u8);
    }

    // A payload keeps its bytes, and may have line breaks between its tokens. Those are line ends of the stream as well: each line becomes a data line
    // of its own, and the client puts them together with LF.
    private static void WriteLines(ref JsonText text, Publication publication)
    {
        var lines = t_lines ??= new ArrayBufferWriter<byte>();
        lines.ResetWrittenCount();
        var json = new JsonText(lines);
        RelayJsonDialect.WriteEvent(ref json, publication);
        json.Flush();
        var rest = lines.WrittenSpan;
        while (rest.IndexOfAny(LineEnds) is var end and >= 0)
        {
            text.Raw(rest[..end]);
            text.Raw("\ndata: "u8);
            rest = rest[(rest[end..].StartsWith("\r\n"u8) ? end + 2 : end + 1)..];
        }

        text.Raw(rest);
        if (lines.Capacity > MaxKept)
        {
            t_lines = null;
        }
    }
}
