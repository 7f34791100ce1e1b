using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace Relay.Node.Loops;

/// <summary>Something with a descriptor that an <see cref="EventLoop"/> watches.</summary>
internal interface ILoopSource
{
    /// <summary>What epoll reports, <c>EPOLL…</c> bits; on a loop's thread. Events for a descriptor of the same number that was closed a moment ago may come as well.</summary>
    void OnEvents(uint events);
}

/// <summary>
/// One thread that runs what is ready: turns of actors and events of sockets. A read, the turns it causes and the sends at their end happen on
/// the same thread one after the other; nothing is handed to another thread and nobody is woken in between.
/// <para>
/// Turns are taken from a queue, first in first out, for at most a slice; then the sockets are looked at. A loop without work of its own takes turns
/// from the others, then sleeps in <c>epoll_wait</c>. It never spins.
/// </para>
/// </summary>
internal sealed unsafe partial class EventLoop
{
    /// <summary>Largest read; a client that sent more is read again after the others had their turn.</summary>
    public const int ScratchBytes = 64 * 1024;

    private const int MaxEvents = 256;

    /// <summary>Data of the wake-up's own events; descriptors are not negative.</summary>
    private const int WakeUp = -1;

    /// <summary>How long turns may go on before the sockets are looked at: some hundred turns; a look costs about a microsecond.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMicroseconds(200);

    [ThreadStatic]
    private static EventLoop? t_current;

    private readonly EventLoops _group;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _turns = new();
    private readonly Thread _thread;
    private readonly SafeFileHandle _epoll;
    private readonly SafeFileHandle _wakeUp;
    private readonly byte[] _events = GC.AllocateUninitializedArray<byte>(MaxEvents * EpollEvents.MaxStride, pinned: true);
    private readonly long _slice;
    private int _sleeping;
    private volatile bool _stopping;

    /// <exception cref="IOException">The process has no descriptors left.</exception>
    public EventLoop(EventLoops group, int number, TimeProvider time, ILogger logger)
    {
        _group = group;
        _time = time;
        _logger = logger;
        _slice = (long)(Slice.TotalSeconds * time.TimestampFrequency);
        _epoll = LibC.EpollCreate();
        _wakeUp = LibC.EventFd();

        // Edge-triggered: every signal is an event of its own, and its counter need not be read.
        if (_epoll.IsInvalid || _wakeUp.IsInvalid
            || LibC.EpollControl(_epoll, LibC.EPOLL_CTL_ADD, (int)_wakeUp.DangerousGetHandle(), LibC.EPOLLIN | LibC.EPOLLET, WakeUp) < 0)
        {
            _epoll.Dispose();
            _wakeUp.Dispose();
            throw new IOException("No descriptors for an event loop. Raise the limit with 'ulimit -n'.");
        }

        _thread = new Thread(Run) { IsBackground = true, Name = $"relay-loop-{number}" };
    }

    /// <summary>The loop of the calling thread; null on any other thread.</summary>
    public static EventLoop? Current => t_current;

    /// <summary>Whose loop it is.</summary>
    public EventLoops Group => _group;

    /// <summary>Where the loop's thread reads to. Valid until the caller returns to the loop.</summary>
    public byte[] Scratch { get; } = GC.AllocateUninitializedArray<byte>(ScratchBytes, pinned: true);

    public void Start() => _thread.Start();

    /// <summary>Ends the thread after the turn it runs; what is still queued goes to the thread pool.</summary>
    public void Stop()
    {
        _stopping = true;
        LibC.Signal(_wakeUp);
        if (_thread != Thread.CurrentThread)
        {
            _thread.Join();
        }

        _epoll.Dispose();
        _wakeUp.Dispose();
        HandOverTurns();
    }

    /// <summary>Queues a turn. From any thread; runs on any loop of the group.</summary>
    public void Post(IThreadPoolWorkItem turn)
    {
        _turns.Enqueue(turn);
        if (t_current == this)
        {
            // One turn is what this thread does next; from the second one on, help is worth its wake-up.
            if (_group.HasSleepers && _turns.Count > 1)
            {
                _group.WakeOne();
            }

            return;
        }

        // Between the queue's write and the read of the flag: the loop writes and reads them the other way round.
        Interlocked.MemoryBarrier();
        WakeIfSleeping();
        if (_stopping)
        {
            HandOverTurns();
        }
    }

    /// <summary>False = it was not asleep.</summary>
    public bool WakeIfSleeping()
    {
        if (Volatile.Read(ref _sleeping) == 0 || Interlocked.Exchange(ref _sleeping, 0) == 0)
        {
            return false;
        }

        _group.Woken();
        try
        {
            LibC.Signal(_wakeUp);
        }
        catch (ObjectDisposedException)
        {
            // The loop has ended since; its turns have gone to the pool.
        }

        return true;
    }

    /// <summary>True while a turn waits here.</summary>
    public bool HasTurns => !_turns.IsEmpty;

    /// <summary>For loops without work of their own.</summary>
    public bool TryTake(out IThreadPoolWorkItem turn) => _turns.TryDequeue(out turn!);

    /// <summary>Watches a descriptor. From any thread; its events may begin before this returns.</summary>
    public bool TryWatch(int descriptor, uint events) => LibC.EpollControl(_epoll, LibC.EPOLL_CTL_ADD, descriptor, events, descriptor) == 0;

    /// <summary>Changes what is watched for.</summary>
    public void Change(int descriptor, uint events) => LibC.EpollControl(_epoll, LibC.EPOLL_CTL_MOD, descriptor, events, descriptor);

    /// <summary>Ends the watching. A close does that as well.</summary>
    public void Forget(int descriptor) => LibC.EpollControl(_epoll, LibC.EPOLL_CTL_DEL, descriptor, 0, descriptor);

    private void Run()
    {
        t_current = this;
        while (!_stopping)
        {
            if (RunTurns())
            {
                Poll(0);
            }
            else
            {
                WaitForEvents();
            }
        }

        t_current = null;
    }

    /// <summary>Runs turns for a slice; false when all were run before it was over.</summary>
    private bool RunTurns()
    {
        var began = _time.GetTimestamp();
        while (_turns.TryDequeue(out var turn) || _group.TrySteal(this, out turn))
        {
            try
            {
                turn.Execute();
            }
            catch (Exception error)
            {
                LogFailed(error);
            }

            if (_time.GetTimestamp() - began >= _slice)
            {
                return true;
            }
        }

        return false;
    }

    private void WaitForEvents()
    {
        Interlocked.Exchange(ref _sleeping, 1);
        _group.FallsAsleep();

        // Whoever queued before the flag was seen has not woken this loop.
        if (!_stopping && !_group.HasTurns)
        {
            Poll(-1);
        }

        if (Interlocked.Exchange(ref _sleeping, 0) == 1)
        {
            _group.Woken();
        }
    }

    private void HandOverTurns()
    {
        while (_turns.TryDequeue(out var turn))
        {
            ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
        }
    }

    private void Poll(int milliseconds)
    {
        fixed (byte* events = _events)
        {
            // Interrupted by a signal: as if there were none.
            var count = LibC.EpollWait(_epoll, events, MaxEvents, milliseconds);
            if (count > 0 && Volatile.Read(ref _sleeping) == 1 && Interlocked.Exchange(ref _sleeping, 0) == 1)
            {
                // Awake by itself: nobody need signal any more.
                _group.Woken();
            }

            for (var i = 0; i < count; i++)
            {
                var entry = events + (i * EpollEvents.Stride);
                var descriptor = EpollEvents.DataOf(entry);
                if (descriptor != WakeUp)
                {
                    Dispatch(descriptor, EpollEvents.EventsOf(entry));
                }
            }
        }
    }

    private void Dispatch(int descriptor, uint events)
    {
        try
        {
            _group.Find(descriptor)?.OnEvents(events);
        }
        catch (Exception error)
        {
            LogFailed(error);
        }
    }

    [LoggerMessage(LogLevel.Error, "a turn failed on an event loop")]
    private partial void LogFailed(Exception error);
}
