using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Node.Auth;

namespace Relay.Node.Configuration;

/// <summary>What is looked at once at start, beyond the configuration's own rules (reliability.md §5.1(7)).</summary>
public static partial class StartupChecks
{
    /// <summary>System.Net.WebSockets before it could be made to loop for ever (CVE-2026-62901; reliability.md S14).</summary>
    private static readonly Version SafeRuntime = new(10, 0, 11);

    /// <summary>The first certificate that cannot be used, as one line naming its key; null when all can.</summary>
    public static string? FindBadCertificate(RelayOptions options)
    {
        foreach (var listener in options.Listeners)
        {
            if (listener.Tls is { } tls && Objection(tls) is { } objection)
            {
                return $"Relay:Listeners:{listener.Name}:Tls:Certificate = \"{tls.Certificate}\": {objection}";
            }
        }

        return null;
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

    private static string? Objection(TlsOptions tls)
    {
        try
        {
            using var certificate = Load(tls);
            return certificate.HasPrivateKey ? null : "holds no private key; set Tls:Key";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return failure.Message.ReplaceLineEndings(" ");
        }
    }

    private static X509Certificate2 Load(TlsOptions tls)
    {
        var password = tls.Password.IsEmpty ? null : tls.Password.Reveal();
        var key = tls.Key.Length > 0 ? tls.Key : null;
        return Path.GetExtension(tls.Certificate).ToUpperInvariant() is ".PFX" or ".P12"
            ? X509CertificateLoader.LoadPkcs12FromFile(tls.Certificate, password)
            : password is null
                ? X509Certificate2.CreateFromPemFile(tls.Certificate, key)
                : X509Certificate2.CreateFromEncryptedPemFile(tls.Certificate, password, key);
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
