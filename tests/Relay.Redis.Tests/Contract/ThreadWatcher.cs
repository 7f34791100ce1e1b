using System.Net.Sockets;

namespace Relay.Redis.Tests.Contract;

/// <summary>Watches each socket by a thread of its own, and calls once too often each time, as watchers may.</summary>
internal sealed class ThreadWatcher : ISocketWatcher
{
    private int _watches;
    private int _pauses;

    /// <summary>Watches begun so far.</summary>
    public int Watches => Volatile.Read(ref _watches);

    /// <summary>Pauses so far.</summary>
    public int Pauses => Volatile.Read(ref _pauses);

    public ISocketWatch TryWatch(Socket socket, Action readable)
    {
        Interlocked.Increment(ref _watches);
        return new Watch(this, socket, readable);
    }

    private sealed class Watch : ISocketWatch
    {
        // Only bounds how long the thread outlives its watch.
        private const int PollMicroseconds = 10_000;

        private readonly ThreadWatcher _owner;
        private readonly Socket _socket;
        private readonly Action _readable;
        private readonly ManualResetEventSlim _running = new(initialState: true);
        private volatile bool _disposed;

        public Watch(ThreadWatcher owner, Socket socket, Action readable)
        {
            _owner = owner;
            _socket = socket;
            _readable = readable;
            new Thread(Run) { IsBackground = true, Name = "test-watch" }.Start();
        }

        public void Pause()
        {
            Interlocked.Increment(ref _owner._pauses);
            _running.Reset();
        }

        public void Resume() => _running.Set();

        public void Dispose()
        {
            _disposed = true;
            _running.Set();
        }

        private void Run()
        {
            try
            {
                while (!_disposed)
                {
                    _running.Wait();
                    if (!_disposed && _socket.Poll(PollMicroseconds, SelectMode.SelectRead))
                    {
                        _readable();
                        _readable();
                    }
                }
            }
            catch (Exception error) when (_disposed && error is ObjectDisposedException or SocketException)
            {
                // The socket was closed behind the watch's end.
            }
        }
    }
}
