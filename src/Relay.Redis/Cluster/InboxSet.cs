using Relay.Cluster.Engine;

namespace Relay.Redis.Cluster;

/// <summary>
/// The inboxes of a node on several servers as one: frames come in while one of them brings any, since senders take another server for a node that is not heard on theirs. What was under way over one
/// that broke may be lost all the same, so its end is told as an interruption that is over at once.
/// </summary>
/// <param name="listener">Called by one thread at a time.</param>
/// <param name="count">Of the servers.</param>
internal sealed class InboxSet(IClusterListener listener, int count)
{
    private readonly Lock _gate = new();
    private readonly bool[] _isWell = new bool[count];

    /// <summary>For what is heard on a server over which no frames go.</summary>
    public IClusterListener Unheard => new Ear(this, -1);

    public IClusterListener Of(int server) => new Ear(this, server);

    private void Lost(int server)
    {
        lock (_gate)
        {
            _isWell[server] = false;
            listener.OnInboxLost();
            if (Array.Exists(_isWell, static isWell => isWell))
                listener.OnInboxRestored();
        }
    }

    private void Restored(int server)
    {
        lock (_gate)
        {
            var isFirst = !Array.Exists(_isWell, static isWell => isWell);
            _isWell[server] = true;
            if (isFirst)
                listener.OnInboxRestored();
        }
    }

    private sealed class Ear(InboxSet all, int server) : IClusterListener
    {
        public void OnFrame(ReadOnlySpan<byte> frame)
        {
            lock (all._gate)
                all.Listener.OnFrame(frame);
        }

        public void OnChanged(long version)
        {
            lock (all._gate)
                all.Listener.OnChanged(version);
        }

        public void OnInboxLost()
        {
            if (server >= 0)
                all.Lost(server);
        }

        public void OnInboxRestored()
        {
            if (server >= 0)
                all.Restored(server);
        }
    }

    private IClusterListener Listener => listener;
}
