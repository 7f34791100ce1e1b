namespace Relay.Redis.Connections;

/// <summary>Where a connection puts what it receives unasked. Called by its read loop only, in the order of arrival.</summary>
internal interface IPushSink
{
    /// <summary>A published message. The spans end with the call. <paramref name="pattern"/> is empty for a message by exact channel.</summary>
    void OnMessage(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> channel, ReadOnlySpan<byte> payload);

    /// <summary>The server confirmed a SUBSCRIBE that was sent with this tag.</summary>
    void OnConfirmed(object subscription);

    /// <summary>True when <see cref="FlushAsync"/> must be called before anything else is told.</summary>
    bool MustFlush { get; }

    /// <summary>Hands on what was told since the last call; called at least at the end of each read. Nothing is read meanwhile. Never fails.</summary>
    ValueTask FlushAsync();
}
