using System.Buffers;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Relay.Client;

/// <content>The connection: made again and again, and made the same as the one before it.</content>
public sealed partial class RelayClient
{
    /// <summary>Of the relay: the token has ended (docs/protocols.md).</summary>
    private const int TokenEnded = 4401;

    private readonly Backoff _backoff;
    private Task _told = Task.CompletedTask;
    private ChannelWriter<byte[]>? _outgoing;
    private string? _session;

    // Not null from a connection's beginning until it is as the one before it: its own session's token.
    private string? _fresh;
    private bool _isResuming;
    private long? _comeBackAt;

    private bool IsReady => _outgoing is not null && !_isResuming;

    private async Task RunAsync(CancellationToken ending)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!ending.IsCancellationRequested)
        {
            TimeSpan? wait = null;
            try
            {
                wait = await LiveAsync(ending).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem) when (problem is WebSocketException or IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
            {
                LogLost(_options.Url, problem.Message);
            }
            catch (RelayRefusedException refused)
            {
                Finish(refused);
                return;
            }
            catch (Exception failure)
            {
                // Of this library, or of the function that brings tokens: nobody else would say so.
                LogFailed(failure);
                Finish(failure);
                return;
            }
            finally
            {
                Gone();
            }

            var planned = _comeBackAt is { } instant ? _options.Time.GetElapsedTime(_options.Time.GetTimestamp(), instant) : TimeSpan.Zero;
            _comeBackAt = null;
            var pause = planned > TimeSpan.Zero ? planned : wait ?? _backoff.Next();
            await Task.Delay(pause, _options.Time, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Returns how long to wait, where the relay has said so.
    private async Task<TimeSpan?> LiveAsync(CancellationToken ending)
    {
        using var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = _options.KeepAlive;
        socket.Options.KeepAliveTimeout = _options.KeepAlive;
        socket.Options.CollectHttpResponseDetails = true;
        _options.ConfigureSocket?.Invoke(socket.Options);
        if (await BringTokenAsync(ending).ConfigureAwait(false) is { Length: > 0 } token)
        {
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ending);
        limit.CancelAfter(_options.ConnectTimeout);
        try
        {
            await socket.ConnectAsync(_options.Url, limit.Token).ConfigureAwait(false);
        }
        catch (WebSocketException) when (socket.HttpStatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden && _options.TokenProvider is null)
        {
            throw new RelayRefusedException("UNAUTHORIZED", $"the relay refused the connection: {(int)socket.HttpStatusCode}");
        }
        catch (WebSocketException) when (socket.HttpResponseHeaders?.TryGetValue("Retry-After", out var after) == true && int.TryParse(after.FirstOrDefault(), out var seconds))
        {
            return TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 600));
        }

        var outgoing = System.Threading.Channels.Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
        lock (_gate)
        {
            (_outgoing, _isResuming, _fresh) = (outgoing.Writer, true, null);
        }

        using var over = new CancellationTokenSource();
        var writing = WriteAsync(socket, outgoing.Reader, over);
        var reading = ReadAsync(socket, over.Token);
        try
        {
            await reading.WaitAsync(ending).ConfigureAwait(false);
        }
        finally
        {
            outgoing.Writer.TryComplete();
            await CloseAsync(socket, writing, reading).ConfigureAwait(false);
            await over.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(writing, reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return (int?)socket.CloseStatus == TokenEnded && _options.TokenProvider is null
            ? throw new RelayRefusedException("UNAUTHORIZED", socket.CloseStatusDescription is { Length: > 0 } reason ? reason : "the token has ended")
            : null;
    }

    private static async Task WriteAsync(ClientWebSocket socket, ChannelReader<byte[]> frames, CancellationTokenSource over)
    {
        try
        {
            await foreach (var frame in frames.ReadAllAsync(over.Token).ConfigureAwait(false))
            {
                await socket.SendAsync(frame, WebSocketMessageType.Text, endOfMessage: true, over.Token).ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // The reader says why.
            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(ClientWebSocket socket, CancellationToken over)
    {
        var message = new ArrayBufferWriter<byte>(16 * 1024);
        while (true)
        {
            var part = await socket.ReceiveAsync(message.GetMemory(4096), over).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            message.Advance(part.Count);
            if (part.EndOfMessage)
            {
                await TakeAsync(message.WrittenMemory, over).ConfigureAwait(false);
                message.ResetWrittenCount();
            }
        }
    }

    // What is queued goes out first. A read that is cancelled would cut the connection without a word.
    private static async Task CloseAsync(ClientWebSocket socket, Task writing, Task reading)
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await writing.WaitAsync(soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await reading.WaitAsync(soon.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TakeAsync(ReadOnlyMemory<byte> message, CancellationToken over)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(message);
        }
        catch (JsonException)
        {
            return;
        }

        using (document)
        {
            var frame = document.RootElement;
            if (frame.ValueKind != JsonValueKind.Object)
            {
                return;
            }

            if (frame.Text("type") == "token_expiring" && _options.TokenProvider is not null)
            {
                var token = await BringTokenAsync(over).ConfigureAwait(false);
                Send(Frames.Write("refresh", "refresh", json => json.WriteString("token", token)));
                return;
            }

            lock (_gate)
            {
                Take(frame);
            }
        }
    }

    private async ValueTask<string?> BringTokenAsync(CancellationToken cancellationToken) =>
        _options.TokenProvider is { } provider ? await provider(cancellationToken).ConfigureAwait(false) : _options.Token;

    private void Take(JsonElement frame)
    {
        switch (frame.Text("type"))
        {
            case null when frame.Text("channel") is { } channel && !_isResuming:
                var one = Frames.ReadEvent(frame);
                foreach (var subscription in Hearing(channel))
                {
                    subscription.Take(one);
                }

                break;
            case "connected":
                Connected(frame.Text("session"));
                break;
            case "ack" or "history" or "presence":
                Answered(frame.Text("id"), frame);
                break;
            case "gap" when frame.Text("channel") is { } channel && !_isResuming:
                var gap = new RelayGap(channel, frame.Text("epoch"), frame.Number("from") ?? 0, frame.Number("to") ?? 0);
                foreach (var subscription in Hearing(channel))
                {
                    subscription.Miss(gap);
                }

                break;
            case "reconnect":
                _comeBackAt = _options.Time.GetTimestamp() + (Math.Clamp(frame.Number("after_ms") ?? 0, 0, 600_000) * _options.Time.TimestampFrequency / 1000);
                break;
        }
    }

    private void Connected(string? fresh)
    {
        _fresh = fresh;
        if (_session is not null && _subscriptions.Values.Any(static one => one.IsKnown))
        {
            Resume();
        }
        else
        {
            Ready(fresh, []);
        }
    }

    private void Resume()
    {
        var places = _subscriptions.Where(static one => one.Value is { IsKnown: true, Place: not null }).Select(static one => (one.Key, one.Value.Place!.Value));
        _outgoing?.TryWrite(Frames.Resume(_session!, places));
    }

    private void Resumed(JsonElement ack)
    {
        if (ack.Flag("success") != false)
        {
            var channels = ack.Objects("channels").Where(static one => one.Text("channel") is not null).ToDictionary(static one => one.Text("channel")!, StringComparer.Ordinal);
            Ready(ack.Text("session") ?? _session, channels);
        }
        else if (ack.RetryAfter() is { } pause)
        {
            Later(pause, () => _isResuming, Resume);
        }
        else
        {
            Ready(_fresh, []);
        }
    }

    // Behind this the connection is as the one before it was.
    private void Ready(string? session, Dictionary<string, JsonElement> resumed)
    {
        (_session, _isResuming) = (session, false);
        _backoff.Succeeded();
        foreach (var (name, subscription) in _subscriptions.ToList())
        {
            if (!resumed.TryGetValue(name, out var result) || subscription.IsBehind || (subscription.Place is null && !subscription.IsPattern))
            {
                Send(subscription.Frame());
            }
            else
            {
                Subscribed(subscription, result, isRefused: result.Text("code") is not null);
            }
        }

        foreach (var name in resumed.Keys.Where(name => name != "global" && !_subscriptions.ContainsKey(name)))
        {
            Send(Frames.Unsubscribe(name));
        }

        foreach (var request in _requests.Values)
        {
            Send(request.Frame);
        }

        LogConnected(_options.Url);
        Tell(true);
    }

    private void Answered(string? id, JsonElement frame)
    {
        if (id == "resume" && _isResuming)
        {
            Resumed(frame);
        }
        else if (id is not null && id.StartsWith("s:", StringComparison.Ordinal) && _subscriptions.TryGetValue(id[2..], out var subscription))
        {
            Subscribed(subscription, frame, isRefused: frame.Flag("success") == false);
        }
        else if (id is not null && _requests.TryGetValue(id, out var request))
        {
            if (frame.Flag("success") != false)
            {
                request.Answer.TrySetResult(frame.Clone());
            }
            else if (frame.RetryAfter() is { } pause)
            {
                Later(pause, () => _requests.GetValueOrDefault(id) == request, () => Send(request.Frame));
            }
            else
            {
                request.Answer.TrySetException(frame.Refusal());
            }
        }
    }

    private void Subscribed(RelaySubscription subscription, JsonElement ack, bool isRefused)
    {
        if (!isRefused)
        {
            subscription.Began(ack);
        }
        else if (ack.RetryAfter() is { } pause)
        {
            Later(pause, () => _subscriptions.GetValueOrDefault(subscription.Channel) == subscription, () => Send(subscription.Frame()));
        }
        else
        {
            _subscriptions.Remove(subscription.Channel);
            subscription.End(ack.Refusal());
        }
    }

    private IEnumerable<RelaySubscription> Hearing(string channel) =>
        _subscriptions.Values.Where(one => one.Channel == channel || (one.IsPattern && Pattern.Matches(one.Channel, channel)));

    // What the relay asked to be asked again, if that is still wanted.
    private void Later(TimeSpan pause, Func<bool> isWanted, Action act) => _ = Task.Delay(pause, _options.Time, _ending.Token).ContinueWith(
        _ =>
        {
            lock (_gate)
            {
                if (isWanted())
                {
                    act();
                }
            }
        },
        _ending.Token,
        TaskContinuationOptions.OnlyOnRanToCompletion,
        TaskScheduler.Default);

    private void Send(byte[] frame)
    {
        if (IsReady)
        {
            _outgoing!.TryWrite(frame);
        }
    }

    private void Gone()
    {
        lock (_gate)
        {
            var wasReady = IsReady;
            (_outgoing, _isResuming) = (null, false);
            if (wasReady)
            {
                Tell(false);
            }
        }
    }

    private void Tell(bool isConnected)
    {
        // One after the other, outside of the lock.
        if (ConnectionChanged is { } told)
        {
            _told = _told.ContinueWith(_ => told(isConnected), CancellationToken.None, TaskContinuationOptions.RunContinuationsAsynchronously, TaskScheduler.Default);
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Connected to {Url}")]
    private partial void LogConnected(Uri url);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The connection to {Url} is gone: {Reason}")]
    private partial void LogLost(Uri url, string reason);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "The client has ended")]
    private partial void LogFailed(Exception failure);
}
