namespace Relay.Bench.Load;

/// <summary>One publisher connection. Publishing is done by one thread at a time; answers come on another.</summary>
internal interface IPublisher : IAsyncDisposable
{
    /// <summary>Whether it could take a publish now.</summary>
    bool CanPublish { get; }

    /// <summary>Ended after it had been ready.</summary>
    bool WasLost { get; }

    /// <summary>Connects; null, or why it failed.</summary>
    Task<string?> OpenAsync(CancellationToken cancellation);

    /// <summary>Collects one publish; <see cref="Flush"/> sends it.</summary>
    void Publish(int channel, long number, long intended);

    /// <summary>Sends what was collected.</summary>
    void Flush();
}
