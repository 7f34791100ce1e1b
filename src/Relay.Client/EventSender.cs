using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Relay.Client;

/// <summary>How an <see cref="EventSender"/> works.</summary>
public sealed record EventSenderOptions
{
    /// <summary>Address of the <c>hooks</c> listener.</summary>
    public Uri Url { get; set; } = new(Environment.GetEnvironmentVariable("RELAY_HOOKS_URL") ?? "ws://127.0.0.1:8765/");

    /// <summary>Token or key.</summary>
    public string? Token { get; set; }

    /// <summary><c>session_id</c> of events that name none.</summary>
    public string? SessionId { get; set; }

    /// <summary>Events that wait for a relay; beyond it the oldest are dropped.</summary>
    public int Most { get; set; } = 1000;

    /// <summary>For what is queued when the sender is disposed.</summary>
    public TimeSpan Linger { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>For connecting.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Between tries to connect.</summary>
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For tests.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;
}

/// <summary>
/// Fire and forget: events of hooks and services to the dialect <c>hooks</c>, over one connection that is kept. <see cref="Send(string, object?, string?)"/> never waits and never throws; where no relay
/// answers the oldest events are dropped beyond a bound. Thread-safe.
/// </summary>
public sealed partial class EventSender : IAsyncDisposable
{
    private readonly EventSenderOptions _options;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _queue = new();
    private readonly SemaphoreSlim _queued = new(0);
    private readonly CancellationTokenSource _ending = new();
    private Task? _running;
    private TaskCompletionSource? _empty;
    private bool _isSending;
    private bool _isClosed;
    private long _dropped;

    /// <summary>A sender that connects with its first event.</summary>
    public EventSender(EventSenderOptions? options = null, ILogger<EventSender>? log = null) =>
        (_options, _log) = ((options ?? new EventSenderOptions()) with { }, log ?? NullLogger<EventSender>.Instance);

    /// <summary>Events that found no room.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Whether a relay answers at the address: the one call that waits, half a second at most by default.</summary>
    public async Task<bool> IsRunningAsync(TimeSpan? within = null, CancellationToken cancellationToken = default)
    {
        var live = new UriBuilder(_options.Url) { Scheme = _options.Url.Scheme == "wss" ? "https" : "http", Path = "/live", Query = "" }.Uri;
        using var http = new HttpClient { Timeout = within ?? TimeSpan.FromMilliseconds(500) };
        try
        {
            using var answer = await http.GetAsync(live, cancellationToken).ConfigureAwait(false);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception problem) when (problem is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Queues <c>{"type", "timestamp", "data"}</c>. False when <paramref name="data"/> cannot be written as JSON, or the sender was disposed.</summary>
    public bool Send(string type, object? data = null, string? sessionId = null)
    {
        try
        {
            return Enqueue(Write(type, data, sessionId ?? _options.SessionId));
        }
        catch (Exception problem) when (problem is JsonException or NotSupportedException or InvalidOperationException)
        {
            LogUnwritable(type, problem.Message);
            return false;
        }
    }

    /// <summary>Waits until everything queued was handed to the network; false when that took longer.</summary>
    public async Task<bool> FlushAsync(TimeSpan within)
    {
        Task empty;
        lock (_gate)
        {
            if (_queue.Count == 0 && !_isSending)
            {
                return true;
            }

            empty = (_empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        try
        {
            await empty.WaitAsync(within).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Gives what is queued <see cref="EventSenderOptions.Linger"/>, then ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
        }

        await FlushAsync(_options.Linger).ConfigureAwait(false);
        await _ending.CancelAsync().ConfigureAwait(false);
        if (_running is { } running)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private byte[] Write(string type, object? data, string? sessionId)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("timestamp", _options.Time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteStartObject("data");
            var given = JsonSerializer.SerializeToElement(data, JsonSerializerOptions.Web);
            if (given.ValueKind == JsonValueKind.Object)
            {
                foreach (var member in given.EnumerateObject())
                {
                    member.WriteTo(json);
                }
            }
            else if (given.ValueKind != JsonValueKind.Null)
            {
                json.WritePropertyName("value");
                given.WriteTo(json);
            }

            if (sessionId is not null && !(given.ValueKind == JsonValueKind.Object && given.TryGetProperty("session_id", out _)))
            {
                json.WriteString("session_id", sessionId);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private bool Enqueue(byte[] frame)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            _queue.Enqueue(frame);
            if (_queue.Count > _options.Most)
            {
                _queue.Dequeue();
                _dropped++;
            }
            else
            {
                _queued.Release();
            }

            _running ??= RunAsync(_ending.Token);
            return true;
        }
    }

    private async Task RunAsync(CancellationToken ending)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var backoff = new Backoff(TimeSpan.FromMilliseconds(200), _options.LongestPause, new Random());
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await ServeAsync(backoff, ending).ConfigureAwait(false);
            }
            catch (Exception problem)
            {
                if (!ending.IsCancellationRequested)
                {
                    LogAway(_options.Url, problem.Message);
                }
            }

            await Task.Delay(backoff.Next(), _options.Time, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ServeAsync(Backoff backoff, CancellationToken ending)
    {
        using var socket = new ClientWebSocket();
        if (_options.Token is { } token)
        {
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ending);
        limit.CancelAfter(_options.ConnectTimeout);
        await socket.ConnectAsync(_options.Url, limit.Token).ConfigureAwait(false);
        backoff.Succeeded();
        using var over = new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ending, over.Token);
        var reading = ReadAsync(socket, over);
        try
        {
            while (true)
            {
                await _queued.WaitAsync(either.Token).ConfigureAwait(false);
                await SendNextAsync(socket, either.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            if (ending.IsCancellationRequested && socket.State == WebSocketState.Open)
            {
                using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await reading.WaitAsync(soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await over.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // An event leaves the queue when it was sent: one whose sending failed is the next connection's.
    private async Task SendNextAsync(ClientWebSocket socket, CancellationToken over)
    {
        byte[] frame;
        lock (_gate)
        {
            if (!_queue.TryPeek(out frame!))
            {
                return;
            }

            _isSending = true;
        }

        var isSent = false;
        try
        {
            await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, over).ConfigureAwait(false);
            isSent = true;
        }
        finally
        {
            lock (_gate)
            {
                _isSending = false;
                if (!isSent)
                {
                    _queued.Release();
                }
                else if (_queue.TryPeek(out var first) && ReferenceEquals(first, frame))
                {
                    _queue.Dequeue();
                }

                if (_queue.Count == 0)
                {
                    _empty?.TrySetResult();
                    _empty = null;
                }
            }
        }
    }

    // What comes is of no use here, but pings are answered only while somebody reads.
    private static async Task ReadAsync(ClientWebSocket socket, CancellationTokenSource over)
    {
        var buffer = new byte[4096];
        try
        {
            while ((await socket.ReceiveAsync(buffer, over.Token).ConfigureAwait(false)).MessageType != WebSocketMessageType.Close)
            {
            }
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(EventId = 10, Level = LogLevel.Debug, Message = "No relay at {Url}: {Reason}")]
    private partial void LogAway(Uri url, string reason);

    [LoggerMessage(EventId = 11, Level = LogLevel.Warning, Message = "An event {Type} cannot be written as JSON: {Reason}")]
    private partial void LogUnwritable(string type, string reason);
}
