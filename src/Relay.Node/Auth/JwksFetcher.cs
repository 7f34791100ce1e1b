using System.Net;
using Relay.Node.Configuration;
using Relay.Node.Health;

namespace Relay.Node.Auth;

/// <summary>
/// Fetches the issuer's keys (RFC 7517) at the start, again every <c>Auth:Jwt:JwksRefresh</c>, and when a token names a key that is not known. What cannot be fetched
/// or read is tried again after 1 s, 2 s, 4 s … 5 min, and the last good keys stay. Only the configured address is ever asked: no redirect, no proxy, no cookie, no address out of a
/// token (CVE-2026-32301); at most 256 KiB within 10 s.
/// </summary>
internal sealed partial class JwksFetcher(Authenticator authenticator, JwtOptions options, HealthState health, TimeProvider time, ILogger<JwksFetcher> logger)
    : BackgroundService
{
    private const string Part = "jwks";
    private const int MaxBytes = 256 * 1024;

    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>How long to wait after so many failures in a row.</summary>
    internal static TimeSpan PauseAfter(int failures) =>
        TimeSpan.FromSeconds(Math.Min(LongestPause.TotalSeconds, FirstPause.TotalSeconds * Math.Pow(2, Math.Min(failures, 20) - 1)));

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            MaxResponseHeadersLength = 16,
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        };
        using var http = new HttpClient(handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        var ring = authenticator.Ring;
        var failures = 0;
        health.Fail(Part, "the key set of Auth:Jwt:JwksUrl was not fetched yet");
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var keys = await FetchAsync(http, stoppingToken);
                ring.Fetched(keys);
                health.Ok(Part);
                if (failures > 0)
                {
                    LogBack(keys.Count);
                }

                failures = 0;
                await ring.WaitAsync(options.JwksRefresh, stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                ring.Failed();
                if (failures++ == 0)
                {
                    LogFailed(error is HttpRequestException or JwksException ? error.Message : error.GetType().Name);
                }

                await Task.Delay(PauseAfter(failures), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<IReadOnlyList<SigningKey>> FetchAsync(HttpClient http, CancellationToken stoppingToken)
    {
        using var over = new CancellationTokenSource(FetchTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, stoppingToken);
        using var answer = await http.GetAsync(new Uri(options.JwksUrl), HttpCompletionOption.ResponseHeadersRead, either.Token);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw new JwksException($"answered {(int)answer.StatusCode}");
        }

        await using var body = await answer.Content.ReadAsStreamAsync(either.Token);
        var bytes = new byte[MaxBytes + 1];
        var length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, either.Token);
        if (length > MaxBytes)
        {
            throw new JwksException($"is larger than {MaxBytes} bytes");
        }

        return JwksDocument.Parse(bytes.AsMemory(0, length)) switch
        {
            null => throw new JwksException("is no key set (RFC 7517)"),
            [] => throw new JwksException("holds no key for RS256 or ES256"),
            var keys => keys,
        };
    }

    [LoggerMessage(LogLevel.Warning, "the key set of Relay:Auth:Jwt:JwksUrl cannot be fetched: {Reason}; keys known stay valid, trying again")]
    private partial void LogFailed(string reason);

    [LoggerMessage(LogLevel.Information, "the key set of Relay:Auth:Jwt:JwksUrl was fetched again: {Count} keys")]
    private partial void LogBack(int count);

    /// <summary>What came is not what is needed.</summary>
    private sealed class JwksException(string message) : Exception(message);
}
