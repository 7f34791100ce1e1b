using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Relay.Redis.Connections;

/// <summary>Turns what can go wrong with a connection into one sentence: what, where, and the way out. Never holds the password.</summary>
internal static class RedisFaults
{
    public static RedisException Connecting(Exception error, RedisEndpoint endpoint, RedisOptions options) => error switch
    {
        RedisException { Kind: RedisErrorKind.ServerError } refused => Refused(refused, endpoint, options),
        RedisException { Kind: RedisErrorKind.Protocol } garbage => new(RedisErrorKind.Protocol,
            $"what answers at {endpoint} does not speak the Redis protocol ({garbage.Message}): check {options.EndpointsKey}", garbage),
        RedisException { Kind: RedisErrorKind.Unavailable } lost => new(RedisErrorKind.Unavailable,
            $"{endpoint} closed the connection during the handshake ({lost.Message}): {ClosedAdvice(options)}", lost),
        RedisException known => known,
        OperationCanceledException => new(RedisErrorKind.Timeout,
            $"{endpoint} did not finish the handshake within {options.ConnectTimeout.TotalSeconds:0.###} s: check that {options.EndpointsKey} names a Redis server that is not overloaded{(options.Tls ? " and uses TLS (redis:// if it does not)" : string.Empty)}, or raise Relay:Redis:ConnectTimeout", error),
        AuthenticationException => new(RedisErrorKind.Unavailable,
            $"TLS with {endpoint} failed ({error.InnerException?.Message ?? error.Message}): check Relay:Redis:TlsCaFile and Relay:Redis:TlsServerName", error),
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => new(RedisErrorKind.Unavailable,
            $"nothing listens at {endpoint}: start Redis or check {options.EndpointsKey}", error),
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => new(RedisErrorKind.Unavailable,
            $"the host of {endpoint} cannot be resolved: check {options.EndpointsKey} and DNS", error),
        CryptographicException => new(RedisErrorKind.Unavailable,
            $"Relay:Redis:TlsCaFile '{options.TlsCaFile}' holds no PEM certificates ({error.Message})", error),
        FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException => new(RedisErrorKind.Unavailable,
            $"Relay:Redis:TlsCaFile '{options.TlsCaFile}' cannot be read ({error.Message})", error),
        IOException when options.Tls => new(RedisErrorKind.Unavailable,
            $"TLS with {endpoint} failed ({error.Message}): if the server does not use TLS, write redis:// in {options.EndpointsKey}", error),
        _ => new(RedisErrorKind.Unavailable, $"no connection to {endpoint} ({error.Message}): check {options.EndpointsKey} and the network", error),
    };

    public static RedisException Replica(RedisEndpoint endpoint, RedisOptions options) => new(RedisErrorKind.Unavailable, options.Sentinel is null
        ? $"{endpoint} is a read-only replica: name the primary in {options.EndpointsKey}"
        : $"{endpoint} is a read-only replica: the Sentinels are asked again") { IsReplica = true };

    public static RedisException NoSentinel(RedisEndpoint endpoint, RedisOptions options) => new(RedisErrorKind.Unavailable,
        $"{endpoint} is a Redis server and no Sentinel: with {options.SentinelKey}, {options.EndpointsKey} names the Sentinels (usually on port 26379)");

    public static RedisException Sentinel(RedisEndpoint endpoint, RedisOptions options) => new(RedisErrorKind.Unavailable,
        $"{endpoint} is a Sentinel: set {options.SentinelKey} to the name under which it knows the primary");

    /// <summary>What a server says that was the primary once. Scripts of Redis 6 put the word behind their own.</summary>
    public static bool IsFromReplica(RedisException error) =>
        error.Code is "READONLY" or "MASTERDOWN" || error.Message.Contains("-READONLY ", StringComparison.Ordinal)
        || error.Message.Contains("cannot be used with replica instances", StringComparison.Ordinal);

    public static RedisException Lost(Exception error, RedisEndpoint endpoint) => error switch
    {
        RedisException { Kind: RedisErrorKind.Protocol } garbage => new(RedisErrorKind.Protocol,
            $"{endpoint} sent something that is not the Redis protocol: {garbage.Message}", garbage),
        RedisException known => known,
        _ => new(RedisErrorKind.Unavailable, $"the connection to {endpoint} broke: {error.Message}", error),
    };

    private static RedisException Refused(RedisException refused, RedisEndpoint endpoint, RedisOptions options)
    {
        var user = options.User ?? "default";
        var settings = options.IsForSentinel ? "Relay:Redis:Sentinel" : "Relay:Redis:";
        var advice = refused.Code switch
        {
            "WRONGPASS" => $"WRONGPASS for user '{user}' at {endpoint}: check {settings}User and {settings}Password",
            "NOAUTH" => $"NOAUTH: {endpoint} wants a password: set {settings}Password (and {settings}User for an ACL user)",
            "NOPERM" => $"NOPERM for user '{user}' at {endpoint}: grant what is missing with ACL SETUSER ({refused.Message})",
            "DENIED" => $"DENIED: {endpoint} runs in protected mode and refuses other hosts: give the server a password (requirepass) and set {settings}Password, or bind it to a trusted network",
            "LOADING" => $"LOADING: {endpoint} is still reading its data set: wait, it will be tried again",
            "NOPROTO" => $"{endpoint} does not know RESP3: Redis 6 or newer is needed",
            _ when refused.Message.Contains("unknown command", StringComparison.OrdinalIgnoreCase) => $"{endpoint} does not know HELLO: Redis 6 or newer is needed",
            _ when refused.Message.Contains("DB index", StringComparison.OrdinalIgnoreCase) => $"{endpoint} has no database {options.Database}: check Relay:Redis:Database",
            _ when refused.Message.Contains("AUTH <password> called without any password", StringComparison.OrdinalIgnoreCase) =>
                $"{endpoint} has no password but {settings}Password is set: remove it, or set requirepass on the server",
            _ => $"{endpoint} refused the connection: {refused.Message}",
        };
        return new RedisException(RedisErrorKind.ServerError, advice, refused, refused.Code);
    }

    private static string ClosedAdvice(RedisOptions options) => options.Tls
        ? $"check {options.EndpointsKey}; if the server does not use TLS, write redis://"
        : $"check {options.EndpointsKey}; if the server wants TLS, write rediss://";
}
