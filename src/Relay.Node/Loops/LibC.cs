using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Relay.Node.Loops;

/// <summary>
/// The system calls of the event loops, for Linux on every architecture .NET runs on. Results and errors as in section 2 of the manual; errors
/// are read with <see cref="Marshal.GetLastSystemError"/> right behind the call. None of these blocks, but <see cref="EpollWait"/>.
/// </summary>
/// <remarks>
/// Not <c>SetLastError</c>: it costs two further calls around each one, and the error matters only where the result is negative. The runtime keeps
/// errno as it is across the return into managed code.
/// </remarks>
internal static unsafe partial class LibC
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int ENFILE = 23;
    public const int EMFILE = 24;
    public const int ECONNRESET = 104;
    public const int ENOBUFS = 105;

    public const uint EPOLLIN = 0x001;
    public const uint EPOLLOUT = 0x004;
    public const uint EPOLLERR = 0x008;
    public const uint EPOLLHUP = 0x010;
    public const uint EPOLLRDHUP = 0x2000;
    public const uint EPOLLET = 1u << 31;

    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;

    public const int MSG_PEEK = 0x02;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;

    private const string Library = "libc";
    private const int SOL_SOCKET = 1;
    private const int SO_LINGER = 13;
    private const int IPPROTO_TCP = 6;
    private const int TCP_NODELAY = 1;
    private const int SOCK_NONBLOCK = 0x800;
    private const int SHUT_WR = 1;

    // The values of the close-on-exec flags are the same for all three calls.
    private const int CLOEXEC = 0x80000;
    private const int EFD_NONBLOCK = 0x800;

    /// <summary>Largest socket address accepted here: <c>sockaddr_in6</c>.</summary>
    public const int AddressBytes = 28;

    // Owned handles, because other threads use them up to the loop's end: a number that was closed may be somebody else's socket a moment later.
    public static SafeFileHandle EpollCreate() => new(epoll_create1(CLOEXEC), ownsHandle: true);

    public static SafeFileHandle EventFd() => new(eventfd(0, CLOEXEC | EFD_NONBLOCK), ownsHandle: true);

    /// <summary>Adds, changes or removes; <paramref name="data"/> comes back with every event.</summary>
    public static int EpollControl(SafeFileHandle epoll, int operation, int descriptor, uint events, int data)
    {
        Span<byte> one = stackalloc byte[EpollEvents.MaxStride];
        fixed (byte* pointer = one)
        {
            EpollEvents.Write(pointer, events, data);
            return epoll_ctl(epoll, operation, descriptor, pointer);
        }
    }

    /// <param name="epoll">The set.</param>
    /// <param name="events">Room for <paramref name="count"/> entries of <see cref="EpollEvents.Stride"/> bytes.</param>
    /// <param name="count">Most events.</param>
    /// <param name="milliseconds">-1 = until there is one.</param>
    public static int EpollWait(SafeFileHandle epoll, byte* events, int count, int milliseconds) => epoll_wait(epoll, events, count, milliseconds);

    /// <summary>Accepts without blocking; the peer's address goes to <paramref name="address"/> (<see cref="AddressBytes"/>).</summary>
    public static int Accept(int descriptor, byte* address)
    {
        var length = AddressBytes;
        return accept4(descriptor, address, &length, SOCK_NONBLOCK | CLOEXEC);
    }

    public static int Receive(int descriptor, byte* buffer, int length, int flags) => (int)recv(descriptor, buffer, length, flags);

    public static int Send(int descriptor, byte* buffer, int length) => (int)send(descriptor, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    /// <summary>Wakes the loop that waits for an <see cref="EventFd"/>.</summary>
    public static void Signal(SafeFileHandle eventFd)
    {
        ulong one = 1;
        _ = write(eventFd, (byte*)&one, sizeof(ulong));
    }

    public static void ShutdownWriting(int descriptor) => _ = shutdown(descriptor, SHUT_WR);

    public static void Close(int descriptor) => _ = close(descriptor);

    /// <summary>What is written goes out at once.</summary>
    public static void SetNoDelay(int descriptor)
    {
        var on = 1;
        _ = setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(int));
    }

    /// <summary>A close from now on resets the connection: bytes that a stuck peer does not take are given up with it.</summary>
    public static void ResetOnClose(int descriptor)
    {
        // struct linger { int l_onoff; int l_linger; }
        long onWithoutTime = BitConverter.IsLittleEndian ? 1L : 1L << 32;
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &onWithoutTime, sizeof(long));
    }

    [LibraryImport(Library)]
    private static partial int epoll_create1(int flags);

    [LibraryImport(Library)]
    private static partial int epoll_ctl(SafeFileHandle epoll, int operation, int descriptor, byte* change);

    [LibraryImport(Library)]
    private static partial int epoll_wait(SafeFileHandle epoll, byte* events, int count, int milliseconds);

    [LibraryImport(Library)]
    private static partial int eventfd(uint value, int flags);

    [LibraryImport(Library)]
    private static partial int accept4(int descriptor, byte* address, int* length, int flags);

    [LibraryImport(Library)]
    private static partial nint recv(int descriptor, byte* buffer, nint length, int flags);

    [LibraryImport(Library)]
    private static partial nint send(int descriptor, byte* buffer, nint length, int flags);

    [LibraryImport(Library)]
    private static partial nint write(SafeFileHandle eventFd, byte* buffer, nint length);

    [LibraryImport(Library)]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport(Library)]
    private static partial int setsockopt(int descriptor, int level, int name, void* value, int length);

    [LibraryImport(Library)]
    private static partial int close(int descriptor);
}

/// <summary><c>struct epoll_event</c>: packed on x86-64 only (epoll_ctl(2), <c>EPOLL_PACKED</c>), else the data stands at 8.</summary>
internal static unsafe class EpollEvents
{
    public const int MaxStride = 16;

    public static readonly int Stride = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int DataOffset = Stride - 8;

    public static void Write(byte* entry, uint events, int data)
    {
        *(uint*)entry = events;
        *(int*)(entry + DataOffset) = data;
    }

    public static uint EventsOf(byte* entry) => *(uint*)entry;

    public static int DataOf(byte* entry) => *(int*)(entry + DataOffset);
}
