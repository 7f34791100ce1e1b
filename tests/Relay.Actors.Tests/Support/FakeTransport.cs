using Relay.Actors.Connections;

namespace Relay.Actors.Tests;

/// <summary>
/// A socket in memory. It takes <see cref="Room"/> bytes and is full then, until <see cref="Open"/> gives it more. Thread-safe; calls that overlap,
/// which <see cref="ITransport"/> forbids, are counted in <see cref="Overlaps"/>.
/// </summary>
internal sealed class FakeTransport : ITransport
{
    private readonly Lock _gate = new();
    private readonly List<byte> _bytes = [];
    private TaskCompletionSource<bool>? _roomy;
    private long _room = long.MaxValue;
    private int _inside;
    private int _overlaps;
    private bool _broken;

    public int Overlaps => Volatile.Read(ref _overlaps);

    /// <summary>System calls so far.</summary>
    public int Sends { get; private set; }

    public bool IsAborted { get; private set; }

    /// <summary>Set by <see cref="Finish"/>.</summary>
    public TimeSpan? Linger { get; private set; }

    public bool IsEnded => IsAborted || Linger is not null;

    public int AbortCalls { get; private set; }

    /// <summary>Most bytes one call takes, however much room there is: a socket that hands over piece by piece.</summary>
    public int MaxPerCall { get; set; } = int.MaxValue;

    public byte[] Bytes
    {
        get
        {
            lock (_gate)
            {
                return [.. _bytes];
            }
        }
    }

    /// <summary>Bytes it still takes.</summary>
    public long Room
    {
        get
        {
            lock (_gate)
            {
                return _room;
            }
        }

        set
        {
            lock (_gate)
            {
                _room = value;
            }
        }
    }

    /// <summary>Gives room for so many more bytes and wakes a send that waits.</summary>
    public void Open(long bytes = long.MaxValue)
    {
        TaskCompletionSource<bool>? waiting;
        lock (_gate)
        {
            _room = bytes == long.MaxValue || _room == long.MaxValue ? long.MaxValue : _room + bytes;
            (waiting, _roomy) = (_roomy, null);
        }

        TurnContext.Inline(() => waiting?.SetResult(true));
    }

    /// <summary>The peer is gone: nothing is taken any more.</summary>
    public void Break()
    {
        TaskCompletionSource<bool>? waiting;
        lock (_gate)
        {
            _broken = true;
            (waiting, _roomy) = (_roomy, null);
        }

        TurnContext.Inline(() => waiting?.SetResult(false));
    }

    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        Enter();
        try
        {
            return Take(bytes);
        }
        finally
        {
            Leave();
        }
    }

    public async ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments)
    {
        Enter();
        try
        {
            foreach (var segment in segments)
            {
                var rest = segment;
                while (rest.Count > 0)
                {
                    var sent = Take(rest);
                    if (sent < 0)
                    {
                        return false;
                    }

                    rest = rest[sent..];
                    if (rest.Count > 0 && WaitForRoom() is { } roomy && !await roomy.ConfigureAwait(false))
                    {
                        return false;
                    }
                }
            }

            return true;
        }
        finally
        {
            Leave();
        }
    }

    public void Finish(TimeSpan linger)
    {
        lock (_gate)
        {
            Linger = linger;
        }
    }

    public void Abort()
    {
        lock (_gate)
        {
            IsAborted = true;
            AbortCalls++;
        }

        Break();
    }

    private int Take(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            Sends++;
            if (_broken)
            {
                return -1;
            }

            var count = (int)Math.Min(Math.Min(bytes.Length, _room), MaxPerCall);
            _bytes.AddRange(bytes[..count]);
            _room -= _room == long.MaxValue ? 0 : count;
            return count;
        }
    }

    private Task<bool>? WaitForRoom()
    {
        lock (_gate)
        {
            return _room > 0 || _broken ? null : (_roomy ??= new TaskCompletionSource<bool>()).Task;
        }
    }

    private void Enter()
    {
        if (Interlocked.Increment(ref _inside) != 1)
        {
            Interlocked.Increment(ref _overlaps);
        }
    }

    private void Leave() => Interlocked.Decrement(ref _inside);
}
