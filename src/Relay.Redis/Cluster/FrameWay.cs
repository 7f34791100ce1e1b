namespace Relay.Redis.Cluster;

/// <summary>One of the servers over which frames go out and come in.</summary>
/// <param name="name">Of the server.</param>
/// <param name="frames">A client of its own for sending.</param>
/// <param name="steps">The client of the steps where this is the server with the state: it knows best why that cannot be used, so it hears there; null elsewhere.</param>
internal sealed class FrameWay(string name, RedisClient frames, RedisClient? steps) : IAsyncDisposable
{
    private ClusterInbox? _inbox;

    public ClusterLink Link { get; } = new(frames);

    public bool HasState => steps is not null;

    /// <summary>Sends the echoes and hears.</summary>
    public RedisClient Hearing => steps ?? frames;

    public ClusterInbox? Inbox => Volatile.Read(ref _inbox);

    /// <summary>Worth a try: the connection stands, and this node's own echoes come back.</summary>
    public bool Works => frames.State.State == RedisState.Ready && Inbox?.IsWell != false;

    public string? Illness => Link.Illness ?? Inbox?.Illness;

    public string? Trouble => Illness is { } illness ? $"server '{name}' ({frames.Options.EndpointsKey}): {illness}" : null;

    public void Listen(ClusterInbox inbox)
    {
        Volatile.Write(ref _inbox, inbox);
        inbox.Start();
    }

    public async ValueTask DisposeAsync()
    {
        if (Inbox is { } inbox)
            await inbox.DisposeAsync();
        await Link.DisposeAsync();
    }
}
