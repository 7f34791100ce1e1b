using System.Buffers;

namespace Relay.Protocol;

/// <summary>Server frames, and beginnings of frames, that <c>context</c> and the native JSON dialect share. Times are epoch milliseconds.</summary>
internal static class ContextFrames
{
    /// <summary>Writes the event up to and including its timestamp, without the closing brace.</summary>
    public static void OpenEvent(ref JsonText json, Publication publication)
    {
        json.Raw("{\"id\":"u8);
        json.MessageId(publication);
        json.Raw(",\"channel\":"u8);
        json.String(publication.Channel);
        json.Raw(",\"event\":"u8);
        json.String(publication.Event);
        if (!publication.Data.IsEmpty)
        {
            json.Raw(",\"data\":"u8);
            json.Raw(publication.Data.Span);
        }

        json.Raw(",\"timestamp\":"u8);
        json.Number(publication.TimestampMicros / 1000);
    }

    /// <summary>Writes an ack up to and including <c>success</c>, without the closing brace. The id must be present.</summary>
    public static void OpenAck(ref JsonText json, AckMessage ack)
    {
        json.Raw("{\"type\":\"ack\",\"id\":"u8);
        json.Raw(ack.RequestId.Token);
        json.Raw(",\"success\":"u8);
        json.Boolean(ack.Error is null);
    }

    /// <summary>Writes <c>,"timestamp":…}</c>.</summary>
    public static void CloseWithTimestamp(ref JsonText json, ServerMessage message)
    {
        json.Raw(",\"timestamp\":"u8);
        json.Number(message.TimestampMicros / 1000);
        json.Raw("}"u8);
    }

    /// <summary>A frame of nothing but a type and a timestamp; <paramref name="head"/> ends behind the timestamp's colon.</summary>
    public static void Bare(ReadOnlySpan<byte> head, ServerMessage message, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        json.Raw(head);
        json.Number(message.TimestampMicros / 1000);
        json.Raw("}"u8);
        json.Flush();
    }

    /// <summary>The greeting of <c>context</c>.</summary>
    public static void Connected(ConnectedMessage connected, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        OpenConnected(ref json, connected);
        json.Raw("}"u8);
        json.Flush();
    }

    /// <summary>The greeting up to and including its timestamp, without the closing brace.</summary>
    public static void OpenConnected(ref JsonText json, ConnectedMessage connected)
    {
        json.Raw("{\"type\":\"connected\",\"client_id\":"u8);
        json.String(connected.ClientId);
        json.Raw(",\"timestamp\":"u8);
        json.Number(connected.TimestampMicros / 1000);
    }

    /// <summary>An error frame, which has no <c>type</c>.</summary>
    public static void Error(ErrorMessage error, string code, IBufferWriter<byte> output)
    {
        var json = new JsonText(output);
        json.Raw("{\"error\":"u8);
        json.String(error.Text);
        json.Raw(",\"code\":"u8);
        json.String(code);
        CloseWithTimestamp(ref json, error);
        json.Flush();
    }
}
