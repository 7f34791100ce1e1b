namespace Relay.EndToEnd.Tests.Support;

/// <summary>Ways to start a node whose system calls do not do what they should, with <c>strace</c>.</summary>
internal static class SystemCalls
{
    /// <summary>For <see cref="NodeStart.Under"/>: the node keeps its process id, the tracer ends with it.</summary>
    /// <param name="what">As <c>strace -e inject=</c> takes it; <c>when=</c> counts in each thread by itself.</param>
    /// <param name="traceFiles">Each thread's calls go to a file of this name with the thread's id behind it; null = nowhere.</param>
    /// <param name="traced">Calls that are traced besides those of <paramref name="what"/>.</param>
    public static string[] Inject(string what, string? traceFiles = null, string traced = "") =>
    [
        "strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-y", "-e", "signal=none", "-e", $"trace={what.Split(':')[0]}{traced}", "-e", $"inject={what}",
        .. traceFiles is null ? ["-o", "/dev/null"] : new[] { "-ff", "-o", traceFiles },
    ];
}
