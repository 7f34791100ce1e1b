using System.Net;
using Relay.Node.Auth;
using Relay.Node.Listeners.Tls;

namespace Relay.Node.Configuration;

/// <summary>What is looked at once at start, beyond the configuration's own rules (reliability.md §5.1(7)).</summary>
public static partial class StartupChecks
{
    /// <summary>System.Net.WebSockets before it could be made to loop for ever (CVE-2026-62901; reliability.md S14).</summary>
    private static readonly Version SafeRuntime = new(10, 0, 11);

    /// <summary>The certificates that cannot be used, each as one line naming its key.</summary>
    public static IReadOnlyList<string> FindBadCertificates(RelayOptions options)
    {
        var bad = new List<string>();
        foreach (var (listener, tls) in options.Listeners.Where(static one => one.Tls is not null).Select(static one => (one.Name, one.Tls!)))
        {
            try
            {
                _ = TlsMaterial.Load(tls.ForListener());
            }
            catch (TlsFileException wrong)
            {
                var key = wrong.File == tls.Certificate ? "Certificate" : "ClientCa";
                bad.Add($"Relay:Listeners:{listener}:Tls:{key} = \"{wrong.File}\": {wrong.Message}");
            }
        }

        return bad;
    }

    /// <summary>The first listener whose address cannot be bound now, as one line naming its key; null when all can.</summary>
    public static string? FindTakenAddress(RelayOptions options)
    {
        foreach (var listener in options.Listeners)
        {
            try
            {
                using var socket = new System.Net.Sockets.Socket(
                    listener.Address.AddressFamily, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                if (listener.Address.Address.Equals(IPAddress.IPv6Any))
                {
                    socket.DualMode = true;
                }

                socket.Bind(listener.Address);
            }
            catch (System.Net.Sockets.SocketException taken)
            {
                return $"Relay:Listeners:{listener.Name}:Url = \"{listener.Url}\": {taken.Message}";
            }
        }

        return null;
    }

    /// <summary>Says what works but should be known.</summary>
    public static void Warn(RelayOptions options, Authenticator authenticator, ILogger logger)
    {
        if (Environment.Version < SafeRuntime)
        {
            LogOldRuntime(logger, Environment.Version, SafeRuntime);
        }

        if (authenticator.UsesOwnKey)
        {
            LogOwnKey(logger, options.Auth.Required ? LogLevel.Warning : LogLevel.Information);
        }

        if (options.Auth.AllowAnonymous)
        {
            LogAnonymous(logger);
        }

        if (options.Auth.Origins.Contains("*", StringComparer.Ordinal))
        {
            LogAnyOrigin(logger);
        }

        if (options.Testing.Echo)
        {
            LogEcho(logger);
        }
    }

    [LoggerMessage(LogLevel.Warning, "runtime {Version} has known holes in its WebSockets; run {Safe} or newer")]
    private static partial void LogOldRuntime(ILogger logger, Version version, Version safe);

    [LoggerMessage(Message = "no key is configured (Relay:Auth:Jwt:Keys): tokens are signed with a random one and end with this process")]
    private static partial void LogOwnKey(ILogger logger, LogLevel level);

    [LoggerMessage(LogLevel.Warning, "anyone may enter (Relay:Auth:AllowAnonymous)")]
    private static partial void LogAnonymous(ILogger logger);

    [LoggerMessage(LogLevel.Warning, "pages of every web origin may connect (Relay:Auth:Origins)")]
    private static partial void LogAnyOrigin(ILogger logger);

    [LoggerMessage(LogLevel.Warning, "/echo is open, for conformance suites (Relay:Testing:Echo)")]
    private static partial void LogEcho(ILogger logger);
}
