namespace Relay.Protocol;

/// <summary>Native JSON answers to versioned publishes and to batches.</summary>
internal static class NativeBatchFrames
{
    /// <summary>True when every item was accepted, or was accepted before.</summary>
    public static bool IsSuccess(PublishedBatchMessage batch)
    {
        foreach (var result in batch.Results)
        {
            if (result.Error is not null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes the ack of a batch.</summary>
    public static void Write(ref JsonText json, PublishedBatchMessage batch)
    {
        json.Raw("{\"type\":\"ack\",\"id\":"u8);
        json.Raw(batch.RequestId.Token);
        json.Raw(",\"success\":"u8);
        json.Boolean(IsSuccess(batch));
        json.Raw(",\"timestamp\":"u8);
        json.Number(batch.TimestampMicros / 1000);
        json.Raw(",\"results\":["u8);
        for (var i = 0; i < batch.Results.Count; i++)
        {
            json.Raw(i == 0 ? "{\"success\":"u8 : ",{\"success\":"u8);
            Write(ref json, batch.Results[i]);
            json.Raw("}"u8);
        }

        json.Raw("]}"u8);
    }

    /// <summary>Writes <c>,"current":{…}</c>, or null for a key without a value.</summary>
    public static void Current(ref JsonText json, StreamPosition current)
    {
        if (current.Offset == 0)
        {
            json.Raw(",\"current\":null"u8);
            return;
        }

        json.Raw(",\"current\":{\"epoch\":"u8);
        json.Epoch(current.Epoch);
        json.Raw(",\"offset\":"u8);
        json.Number(current.Offset);
        json.Raw("}"u8);
    }

    private static void Write(ref JsonText json, in PublishResult result)
    {
        json.Boolean(result.Error is null);
        if (result.Channel is { Length: > 0 } channel)
        {
            json.Raw(",\"channel\":"u8);
            json.String(channel);
        }

        if (result.Error is not { } code)
        {
            RelayJsonFrames.Position(ref json, result.Position);
            json.Raw(",\"duplicate\":"u8);
            json.Boolean(result.Duplicate);
            json.Raw(",\"subscribers\":"u8);
            json.Number(result.Subscribers);
            return;
        }

        json.Raw(",\"code\":"u8);
        json.String(ErrorCodeName.Of(code));
        json.Raw(",\"error\":"u8);
        json.String(result.ErrorText);
        if (code == ErrorCode.VersionMismatch)
        {
            Current(ref json, result.Position);
        }

        if (result.RetryAfterMilliseconds > 0)
        {
            json.Raw(",\"retry_after_ms\":"u8);
            json.Number(result.RetryAfterMilliseconds);
        }
    }
}
