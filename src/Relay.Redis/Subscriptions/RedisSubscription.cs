using System.Text;

namespace Relay.Redis;

/// <summary>One channel or pattern of interest. Disposing it unsubscribes; it does not wait for the server.</summary>
public sealed class RedisSubscription : IDisposable
{
    private readonly RedisSubscriber _owner;
    private readonly TaskCompletionSource _confirmed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal RedisSubscription(RedisSubscriber owner, byte[] name, bool isPattern, IRedisPushHandler handler)
    {
        _owner = owner;
        NameBytes = name;
        IsPattern = isPattern;
        Handler = handler;
    }

    /// <summary>Channel or pattern, read as UTF-8.</summary>
    public string Name => Encoding.UTF8.GetString(NameBytes);

    public bool IsPattern { get; }

    /// <summary>Ends when the server has confirmed the subscription for the first time; cancelled when it is disposed before.</summary>
    public Task Confirmed => _confirmed.Task;

    public void Dispose()
    {
        _confirmed.TrySetCanceled();
        _owner.Remove(this);
    }

    /// <summary>The connection on which it is confirmed now. Touched by the calls to the handler, which never overlap.</summary>
    internal bool IsLive { get; set; }

    internal bool WasConfirmed { get; set; }

    internal volatile bool Removed;

    internal byte[] NameBytes { get; }

    internal IRedisPushHandler Handler { get; }

    internal RedisArg Verb => IsPattern ? "PSUBSCRIBE" : "SUBSCRIBE";

    internal RedisArg LeaveVerb => IsPattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE";

    internal void TellConfirmed() => _confirmed.TrySetResult();
}
