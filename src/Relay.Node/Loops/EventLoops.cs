using Relay.Kernel;

namespace Relay.Node.Loops;

/// <summary>
/// The event loops of a node, one per processor: they run the actors' turns and watch the clients' sockets. Linux only; elsewhere, and
/// for TLS, Kestrel's sockets and the thread pool do the same work.
/// <para>
/// Why not the thread pool: there every message crosses from the socket engine's thread to the pool's, and each of its turns is handed
/// on through the pool's queue. On one core that was a fifth of all time with a thousand small channels (docs/performance.md).
/// </para>
/// A turn must not block: it would hold up the sockets of its loop. Handlers of actors never do; anything that waits is awaited on the thread pool.
/// </summary>
public sealed class EventLoops : IDispatcher, IDisposable
{
    private const int ChunkBits = 10;
    private const int ChunkSize = 1 << ChunkBits;

    /// <summary>Descriptors beyond this number are not watched: a process would need 24 GB of kernel memory for as many sockets.</summary>
    private const int MaxDescriptors = 1 << 22;

    private readonly EventLoop[] _loops;
    private readonly ILoopSource?[]?[] _sources = new ILoopSource?[]?[MaxDescriptors >> ChunkBits];
    private readonly Lock _growing = new();
    private int _sleepers;
    private int _next;
    private volatile bool _disposed;

    /// <param name="count">How many loops, at least one.</param>
    /// <param name="time">Measures slices.</param>
    /// <param name="logger">Where a turn that failed is logged; actors log their own failures.</param>
    /// <exception cref="PlatformNotSupportedException">Not on Linux.</exception>
    /// <exception cref="IOException">The process has no descriptors left.</exception>
    public EventLoops(int count, TimeProvider time, ILogger<EventLoops> logger)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("Event loops need Linux.");
        }

        _loops = new EventLoop[count];
        for (var i = 0; i < count; i++)
        {
            _loops[i] = new EventLoop(this, i, time, logger);
        }

        foreach (var loop in _loops)
        {
            loop.Start();
        }
    }

    /// <summary>True on Linux.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    /// <summary>How many loops there are.</summary>
    public int Count => _loops.Length;

    internal bool HasSleepers => Volatile.Read(ref _sleepers) > 0;

    /// <summary>True while a turn waits somewhere.</summary>
    internal bool HasTurns
    {
        get
        {
            foreach (var loop in _loops)
            {
                if (loop.HasTurns)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>All that is watched now.</summary>
    internal IEnumerable<ILoopSource> Sources => _sources.OfType<ILoopSource?[]>().SelectMany(static chunk => chunk).OfType<ILoopSource>();

    /// <inheritdoc/>
    public void Schedule(IActorTurn turn) => Post(turn);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (var loop in _loops)
        {
            loop.Stop();
        }
    }

    /// <summary>The next loop in turn, for a new connection.</summary>
    internal EventLoop Next() => _loops[(int)((uint)Interlocked.Increment(ref _next) % (uint)_loops.Length)];

    /// <summary>Runs a turn soon: behind the others of the calling loop, or of any when called from elsewhere.</summary>
    internal void Post(IThreadPoolWorkItem turn)
    {
        if (EventLoop.Current is { } current && current.Group == this)
        {
            current.Post(turn);
        }
        else if (_disposed)
        {
            ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
        }
        else
        {
            Next().Post(turn);
        }
    }

    /// <summary>Makes a descriptor's events go to <paramref name="source"/>; null ends that. False when the descriptor is beyond what can be watched.</summary>
    internal bool TrySet(int descriptor, ILoopSource? source)
    {
        if ((uint)descriptor >= MaxDescriptors)
        {
            return false;
        }

        var chunk = Volatile.Read(ref _sources[descriptor >> ChunkBits]) ?? AddChunk(descriptor >> ChunkBits);
        Volatile.Write(ref chunk[descriptor & (ChunkSize - 1)], source);
        return true;
    }

    internal ILoopSource? Find(int descriptor) =>
        Volatile.Read(ref _sources[descriptor >> ChunkBits]) is { } chunk ? Volatile.Read(ref chunk[descriptor & (ChunkSize - 1)]) : null;

    internal bool TrySteal(EventLoop thief, out IThreadPoolWorkItem turn)
    {
        foreach (var loop in _loops)
        {
            if (loop != thief && loop.TryTake(out turn))
            {
                return true;
            }
        }

        turn = null!;
        return false;
    }

    internal void WakeOne()
    {
        foreach (var loop in _loops)
        {
            if (loop.WakeIfSleeping())
            {
                return;
            }
        }
    }

    internal void FallsAsleep() => Interlocked.Increment(ref _sleepers);

    internal void Woken() => Interlocked.Decrement(ref _sleepers);

    private ILoopSource?[] AddChunk(int index)
    {
        lock (_growing)
        {
            var chunk = _sources[index] ?? new ILoopSource?[ChunkSize];
            Volatile.Write(ref _sources[index], chunk);
            return chunk;
        }
    }
}
