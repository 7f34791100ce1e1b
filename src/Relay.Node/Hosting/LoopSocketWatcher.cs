using System.Net.Sockets;
using Relay.Node.Loops;
using Relay.Redis;

namespace Relay.Node.Hosting;

/// <summary>
/// Redis' connections on the event loops: what a read brings, the turns it causes and the sends to the clients happen on one thread, one after the other.
/// </summary>
internal sealed class LoopSocketWatcher(EventLoops loops) : ISocketWatcher
{
    public ISocketWatch? TryWatch(Socket socket, Action readable)
    {
        var watch = new Watch(loops.Next(), loops, socket, readable);
        if (watch.TryStart())
        {
            return watch;
        }

        watch.Dispose();
        return null;
    }

    /// <summary>Level-triggered: what one read has left is reported again, behind the turns that the first part caused.</summary>
    private sealed class Watch : ISocketWatch, ILoopSource
    {
        private const uint Input = LibC.EPOLLIN | LibC.EPOLLRDHUP;

        private readonly EventLoop _loop;
        private readonly EventLoops _loops;
        private readonly Action _readable;
        private readonly SafeSocketHandle _handle;
        private readonly int _descriptor;
        private readonly Lock _gate = new();
        private bool _paused;
        private bool _disposed;

        public Watch(EventLoop loop, EventLoops loops, Socket socket, Action readable)
        {
            _loop = loop;
            _loops = loops;
            _readable = readable;
            _handle = socket.SafeHandle;

            // The number is nobody else's until this watch has ended.
            var added = false;
            _handle.DangerousAddRef(ref added);
            _descriptor = (int)_handle.DangerousGetHandle();
        }

        public bool TryStart()
        {
            lock (_gate)
            {
                return _loops.TrySet(_descriptor, this) && _loop.TryWatch(_descriptor, Input);
            }
        }

        public void OnEvents(uint events) => _readable();

        /// <summary>Taken out, not only masked: the end of a connection is reported whatever the mask, again and again.</summary>
        public void Pause()
        {
            lock (_gate)
            {
                if (!_paused && !_disposed)
                {
                    _paused = true;
                    _loop.Forget(_descriptor);
                }
            }
        }

        public void Resume()
        {
            lock (_gate)
            {
                if (_paused && !_disposed)
                {
                    _paused = false;
                    _loop.TryWatch(_descriptor, Input);
                }
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    return;
                }

                _disposed = true;
                _loop.Forget(_descriptor);
                _loops.TrySet(_descriptor, null);
            }

            _handle.DangerousRelease();
        }
    }
}
