using Microsoft.Extensions.Logging.Abstractions;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Actors.Connections;

namespace Relay.Micro.Bench;

/// <summary>A socket that takes everything at once.</summary>
internal class OpenTransport : ITransport
{
    public long Bytes { get; private set; }

    public virtual int TrySend(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        return bytes.Length;
    }

    public ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments) => ValueTask.FromResult(true);

    public void Finish(TimeSpan linger)
    {
        // Nothing is open.
    }

    public void Abort()
    {
        // Nothing is open.
    }
}

/// <summary>Counts the acks of publishes and says when the awaited number was sent.</summary>
internal sealed class AckCounter(int expected, SemaphoreSlim done) : OpenTransport
{
    private int _seen;

    public override int TrySend(ReadOnlySpan<byte> bytes)
    {
        _seen += bytes.Count("\"duplicate\":false"u8);
        if (_seen >= expected)
        {
            _seen -= expected;
            done.Release();
        }

        return base.TrySend(bytes);
    }
}

/// <summary>A relay in this process without sockets, on the real thread pool.</summary>
internal static class BenchRelay
{
    public static RelaySystem Start()
    {
        var random = new Random(1);
        var gate = new Lock();
        return new RelaySystem(new RelayParts
        {
            Settings = new RelaySettings(),
            Authenticator = new NobodyKnown(),
            Archive = new NoArchive(),
            RandomBits = () =>
            {
                lock (gate)
                {
                    return (ulong)random.NextInt64(1, long.MaxValue);
                }
            },
            Loggers = NullLoggerFactory.Instance,
        });
    }

    private sealed class NobodyKnown : IAuthenticator
    {
        public bool IsRequired => false;

        public Principal? Verify(string credential) => null;
    }

    private sealed class NoArchive : IChannelArchive
    {
        public ChannelState? Take(string channel) => null;

        public IReadOnlyList<string> Names(Func<string, bool> isWanted) => [];

        public bool TryRead(string channel, Action<ChannelState> read) => false;

        public IReadOnlyList<(string Channel, ChannelState State)> TakeAll(Func<string, bool> isWanted) => [];

        public void Put(string channel, ChannelState state)
        {
            // A channel that sleeps is forgotten.
        }
    }
}
