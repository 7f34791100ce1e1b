using System.Globalization;

namespace Relay.Bench.Wire;

/// <summary>
/// How the runtime serves sockets. By default it polls on one thread and hands each completion to the thread pool; for a generator that has a core to
/// itself the hand-over costs more than the work. Both switches are the runtime's own (System.Net.Sockets reads them when its first socket is used), so
/// this must come before any socket.
/// </summary>
internal static class SocketThreads
{
    /// <summary>Completions run on the polling threads, of which there are <paramref name="count"/>.</summary>
    public static void Inline(int count)
    {
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", count.ToString(CultureInfo.InvariantCulture));
    }
}
