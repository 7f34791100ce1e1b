using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// A subscriber of several channels over one connection, which it drops now and then without a word; it stays away for up to a second, in long runs up to five, and
/// comes back with the last place it has.
/// </summary>
internal sealed class RecordedSubscriber(string name, IReadOnlyList<string> channels, INodeSource nodes, HistoryRecorder recorder, int seed)
{
    private static readonly TimeSpan LongestAbsence = TimeSpan.FromSeconds(TestLength.IsLong ? 5 : 1);

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly HashSet<string> _subscribed = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, Place>> _heads = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private TimeSpan _retryAfter;
    private volatile string? _present;
    private volatile bool _stays;

    /// <summary>At most; then it drops its connection.</summary>
    public int EventsPerConnection { get; init; } = 1500;

    /// <summary>Of its channels those on which it wants to be present.</summary>
    public IReadOnlySet<string> PresentOn { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    public IReadOnlyList<string> Channels => channels;

    /// <summary>Its connection's <c>client_id</c>, while that has all subscriptions.</summary>
    public string? Present => _present;

    /// <summary>While true it drops no connection by itself.</summary>
    public bool Stays
    {
        get => _stays;
        set => _stays = value;
    }

    /// <summary>Ends when it has a place in every channel: from there on it answers for everything.</summary>
    public Task BeganAsync() => _began.Task;

    /// <summary>Nothing follows these places any more: it reads up to them and ends.</summary>
    public void Finish(IReadOnlyDictionary<string, Place> heads) => _heads.TrySetResult(heads);

    public async Task RunAsync()
    {
        var finished = false;
        while (!finished)
        {
            var node = await nodes.CurrentAsync();
            try
            {
                await using var client = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
                finished = await ListenAsync(client, 1 + _random.Next(EventsPerConnection));
            }
            catch (Exception ended) when (ConnectionLoss.Is(ended))
            {
                // The node is gone; the next one has what was missed.
                finished = false;
            }

            _present = null;
            foreach (var channel in _subscribed)
            {
                recorder.Add(new Disconnected(channel, name));
            }

            _subscribed.Clear();
            if (!finished)
            {
                var absence = _heads.Task.IsCompleted ? TimeSpan.Zero : LongestAbsence * (_random.Next(2) * _random.NextDouble());
                await Task.WhenAny(Task.Delay(absence > _retryAfter ? absence : _retryAfter, TimeProvider.System), _heads.Task);
                _retryAfter = TimeSpan.Zero;
            }
        }
    }

    // True when it has everything.
    private async Task<bool> ListenAsync(WsClient client, int frames)
    {
        var id = (await client.NextJsonAsync("type", "connected")).Text("client_id");
        foreach (var channel in channels)
        {
            var since = _places.TryGetValue(channel, out var place) ? $$""","since":{"epoch":"{{place.Epoch}}","offset":{{place.Offset}}}""" : "";
            var presence = PresentOn.Contains(channel) ? ",\"presence\":true" : "";
            await client.SendAsync($$"""{"type":"subscribe","channel":"{{channel}}","id":"{{channel}}"{{since}}{{presence}}}""");
        }

        for (var taken = 0; taken < frames || Stays || _heads.Task.IsCompleted; taken++)
        {
            var next = client.NextJsonAsync();
            await Task.WhenAny(next, _heads.Task);
            if (IsFinished())
            {
                return true;
            }

            if (!TryTake(await next))
            {
                return false;
            }

            _present = _subscribed.Count == channels.Count ? id : null;
        }

        return false;
    }

    private bool IsFinished()
    {
        if (!_heads.Task.IsCompletedSuccessfully || _subscribed.Count < channels.Count)
        {
            return false;
        }

        var heads = _heads.Task.Result;
        if (channels.Any(channel => _places[channel].Epoch == heads[channel].Epoch && _places[channel].Offset < heads[channel].Offset))
        {
            return false;
        }

        foreach (var channel in channels)
        {
            recorder.Add(new CaughtUp(channel, name, heads[channel]));
        }

        return true;
    }

    // False when the relay asks to come back later.
    private bool TryTake(JsonElement frame)
    {
        switch (frame.Text("type"))
        {
            case "ack" when frame.GetProperty("success").GetBoolean():
                Begin(frame.Text("id")!, frame);
                return true;
            case "ack":
                Assert.True(frame.TryGetProperty("retry_after_ms", out var after), $"a subscription is refused for good: {frame.GetRawText()}");
                _retryAfter = TimeSpan.FromMilliseconds(after.GetInt64());
                return false;
            case "gap" when !channels.Contains(frame.Text("channel"), StringComparer.Ordinal):
                // Of a channel that every client is subscribed to.
                return true;
            case "gap":
                var gap = new GapTold(frame.Text("channel")!, name, frame.Text("epoch")!, frame.Number("from"), frame.Number("to"));
                recorder.Add(gap);
                _places[gap.Channel] = new Place(gap.Epoch, gap.To);
                return true;
            case null:
                See(frame);
                return true;
            default:
                return true;
        }
    }

    private void Begin(string channel, JsonElement ack)
    {
        Place? since = _places.TryGetValue(channel, out var known) ? known : null;
        var place = new Place(ack.Text("epoch")!, ack.Number("offset"));
        bool? recovered = ack.TryGetProperty("recovered", out var told) ? told.GetBoolean() : null;
        recorder.Add(new Subscribed(channel, name, since, place, recovered));
        _subscribed.Add(channel);
        if (since is null || recovered == false)
        {
            _places[channel] = place;
        }

        if (_places.Count == channels.Count)
        {
            _began.TrySetResult();
        }
    }

    private void See(JsonElement frame)
    {
        var channel = frame.Text("channel")!;
        var place = new Place(frame.Text("epoch")!, frame.Number("offset"));
        recorder.Add(new Seen(channel, name, place, frame.GetProperty("data").Text("id")!, frame.Raw("data")));
        _places[channel] = place;
    }
}
