using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Relay.Client;

/// <summary>
/// One connection to the relay that is kept: subscriptions that come back with what they missed, once and in order, and publishes that are accepted once, over every reconnect. Connects with the first
/// call that needs it. Thread-safe.
/// </summary>
public sealed partial class RelayClient : IAsyncDisposable
{
    private readonly RelayClientOptions _options;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RelaySubscription> _subscriptions = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, Request> _requests = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _ending = new();
    private Task? _running;
    private Exception? _end;

    /// <summary>A client that is not connected yet.</summary>
    public RelayClient(RelayClientOptions options, ILogger<RelayClient>? log = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Url is not { IsAbsoluteUri: true, Scheme: "ws" or "wss" })
        {
            throw new ArgumentException($"Url is not the address of a WebSocket, such as ws://127.0.0.1:8080/relay: {options.Url}", nameof(options));
        }

        (_options, _log) = (options with { }, log ?? NullLogger<RelayClient>.Instance);
        _backoff = new Backoff(options.FirstPause, options.LongestPause, new Random());
    }

    /// <summary>A client of a node at <paramref name="url"/> that lets everybody in.</summary>
    public RelayClient(Uri url)
        : this(new RelayClientOptions { Url = url })
    {
    }

    /// <summary>Told true and false as the connection comes and goes.</summary>
    public event Action<bool>? ConnectionChanged;

    /// <summary>Whether frames go out now.</summary>
    public bool IsConnected
    {
        get
        {
            lock (_gate)
            {
                return IsReady;
            }
        }
    }

    /// <summary>Begins to connect; any other call does so, too.</summary>
    public void Start()
    {
        lock (_gate)
        {
            Check();
        }
    }

    /// <summary>Everything that comes to a channel or pattern from now on, and before that what <paramref name="options"/> say. One subscription for each channel.</summary>
    /// <exception cref="InvalidOperationException">There is one of that channel.</exception>
    public RelaySubscription Subscribe(string channel, SubscribeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        lock (_gate)
        {
            Check();
            var subscription = new RelaySubscription(this, channel, options ?? new SubscribeOptions(), _options.MostQueued);
            if (!_subscriptions.TryAdd(channel, subscription))
            {
                throw new InvalidOperationException($"There is a subscription of {channel}: read that one");
            }

            Send(subscription.Frame());
            return subscription;
        }
    }

    /// <summary>Publishes once, whatever happens to the connection meanwhile. Of two that are under way together either may be accepted first.</summary>
    /// <exception cref="RelayRefusedException">It was refused, for good.</exception>
    /// <exception cref="TimeoutException">Its fate is not known.</exception>
    public async Task<RelayPublished> PublishAsync(string channel, string name, object? data = null, PublishOptions? options = null, CancellationToken cancellationToken = default)
    {
        var id = options?.Id ?? Guid.NewGuid().ToString("n");
        JsonElement? payload = data switch
        {
            null => null,
            JsonElement given => given,
            _ => JsonSerializer.SerializeToElement(data, JsonSerializerOptions.Web),
        };
        var ack = await AskAsync(id, Frames.Publish(id, channel, name, payload, options ?? new PublishOptions()), cancellationToken).ConfigureAwait(false);
        return new RelayPublished(id, ack.Place() is { Offset: > 0 } place ? place : null, ack.Flag("duplicate") ?? false, ack.Number("subscribers") ?? 0);
    }

    /// <summary>Stored events, oldest first, at most about 1 MiB: who wants more asks again with <see cref="HistoryOptions.Since"/> = the last one.</summary>
    /// <exception cref="RelayRefusedException">It was refused, for good.</exception>
    /// <exception cref="TimeoutException">No answer came.</exception>
    public async Task<IReadOnlyList<RelayEvent>> HistoryAsync(string channel, HistoryOptions? options = null, CancellationToken cancellationToken = default)
    {
        var id = Guid.NewGuid().ToString("n");
        var answer = await AskAsync(id, Frames.History(id, channel, options ?? new HistoryOptions()), cancellationToken).ConfigureAwait(false);
        return [.. answer.Objects("events").Select(Frames.ReadEvent)];
    }

    /// <summary>Who is on a channel.</summary>
    /// <exception cref="RelayRefusedException">It was refused, for good.</exception>
    /// <exception cref="TimeoutException">No answer came.</exception>
    public async Task<RelayPresence> PresenceAsync(string channel, CancellationToken cancellationToken = default)
    {
        var id = Guid.NewGuid().ToString("n");
        var answer = await AskAsync(id, Frames.Write("presence", id, json => json.WriteString("channel", channel)), cancellationToken).ConfigureAwait(false);
        var members = answer.Objects("members").Select(static one => new RelayMember(one.Text("client_id") ?? "", one.Text("user_id"))).ToList();
        return new RelayPresence(members, answer.Number("count") ?? 0, answer.Number("users") ?? 0);
    }

    /// <summary>Ends the connection and everything that waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        Task? running;
        lock (_gate)
        {
            _end ??= new ObjectDisposedException(nameof(RelayClient));
            running = _running;
            if (_ending.IsCancellationRequested)
            {
                return;
            }
        }

        await _ending.CancelAsync().ConfigureAwait(false);
        if (running is not null)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Finish(null);
    }

    internal void CatchUp(RelaySubscription subscription)
    {
        lock (_gate)
        {
            if (!subscription.IsBehind)
            {
                return;
            }

            if (subscription.IsPattern)
            {
                subscription.GoOn();
            }
            else
            {
                Send(subscription.Frame());
            }
        }
    }

    internal void Unsubscribe(RelaySubscription subscription)
    {
        lock (_gate)
        {
            if (_subscriptions.GetValueOrDefault(subscription.Channel) == subscription)
            {
                _subscriptions.Remove(subscription.Channel);
                Send(Frames.Unsubscribe(subscription.Channel));
            }

            subscription.End(null);
        }
    }

    private async Task<JsonElement> AskAsync(string id, byte[] frame, CancellationToken cancellationToken)
    {
        var request = new Request(frame);
        lock (_gate)
        {
            Check();
            if (_requests.Count >= _options.MostPending)
            {
                throw new RelayRefusedException("QUEUE_FULL", $"{_requests.Count} publishes and questions wait for an answer (MostPending)");
            }

            if (!_requests.TryAdd(id, request))
            {
                throw new InvalidOperationException($"A publish with the id {id} is on its way");
            }

            Send(frame);
        }

        try
        {
            return await request.Answer.Task.WaitAsync(_options.AnswerTimeout, _options.Time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _requests.Remove(id);
            }
        }
    }

    private void Check()
    {
        if (_end is { } end)
        {
            throw end is ObjectDisposedException ? new ObjectDisposedException(nameof(RelayClient)) : new InvalidOperationException($"The client has ended: {end.Message}", end);
        }

        _running ??= RunAsync(_ending.Token);
    }

    private void Finish(Exception? failure)
    {
        lock (_gate)
        {
            _end ??= failure;
            foreach (var subscription in _subscriptions.Values)
            {
                subscription.End(failure);
            }

            foreach (var request in _requests.Values)
            {
                request.Answer.TrySetException(failure ?? new ObjectDisposedException(nameof(RelayClient)));
            }
        }
    }

    private sealed class Request(byte[] frame)
    {
        public byte[] Frame => frame;

        public TaskCompletionSource<JsonElement> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
