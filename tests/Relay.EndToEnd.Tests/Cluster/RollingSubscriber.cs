using System.Text.Json;
using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>
/// A native client as protocols.md wants it: subscribes once, stays until its connection ends, comes back to whatever node is in service at the instant it was told, and takes its session
/// up there by token.
/// </summary>
internal sealed class RollingSubscriber(string name, IReadOnlyList<string> channels, RollingCluster cluster, HistoryRecorder recorder) : IAsyncDisposable
{
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, Place>> _heads = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WsClient? _client;
    private string _token = "";

    /// <summary>Each time it was sent away.</summary>
    public List<Away> Aways { get; } = [];

    /// <summary>Times it was told that the session was on its way.</summary>
    public int Postponed { get; private set; }

    /// <summary>Where it is connected.</summary>
    public NodeProcess? Node { get; private set; }

    public Task BeganAsync() => _began.Task;

    /// <summary>Nothing follows these places any more: it reads up to them and ends.</summary>
    public void Finish(IReadOnlyDictionary<string, Place> heads) => _heads.TrySetResult(heads);

    public async Task RunAsync()
    {
        await ConnectAsync();
        foreach (var channel in channels)
        {
            var ack = await _client!.SubscribeAsync(channel);
            _places[channel] = new Place(ack.Text("epoch")!, ack.Number("offset"));
            recorder.Add(new Subscribed(channel, name, null, _places[channel], null));
        }

        _began.TrySetResult();
        while (await ListenAsync() is { } away)
        {
            Aways.Add(away);
            foreach (var channel in channels)
            {
                recorder.Add(new Disconnected(channel, name));
            }

            if (away.At + away.After - TimeProvider.System.GetUtcNow() is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, TimeProvider.System);
            }

            away.Tried = TimeProvider.System.GetUtcNow();
            await ResumeAsync();
            away.Back = TimeProvider.System.GetUtcNow();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }
    }

    private async Task ConnectAsync()
    {
        while (true)
        {
            try
            {
                Node = cluster.Pick();
                _client = await WsClient.ConnectAsync(Node.Ws("/relay"), "relay.v1");
                var connected = await _client.NextJsonAsync();
                _token = _token.Length == 0 ? connected.Text("session")! : _token;
                return;
            }
            catch (Exception refused) when (ConnectionLoss.Is(refused))
            {
                // It left between the balancer's choice and the handshake.
            }
        }
    }

    private async Task ResumeAsync()
    {
        var positions = JsonSerializer.Serialize(_places.ToDictionary(static pair => pair.Key, static pair => new { epoch = pair.Value.Epoch, offset = pair.Value.Offset }, StringComparer.Ordinal));
        while (true)
        {
            await _client!.DisposeAsync();
            await ConnectAsync();
            await _client.SendAsync($$"""{"type":"resume","id":"r","session":"{{_token}}","positions":{{positions}}}""");
            var ack = await _client.NextJsonAsync("id", "r");
            if (ack.GetProperty("success").GetBoolean())
            {
                Take(ack);
                return;
            }

            Assert.True(ack.Text("code") == "UNAVAILABLE", ack.GetRawText());
            Postponed++;
            await Task.Delay(TimeSpan.FromMilliseconds(ack.Number("retry_after_ms")), TimeProvider.System);
        }
    }

    private void Take(JsonElement ack)
    {
        Assert.Equal(_token, ack.Text("session"));
        var resumed = ack.GetProperty("channels").EnumerateArray().ToDictionary(static one => one.Text("channel")!, StringComparer.Ordinal);
        foreach (var channel in channels)
        {
            var place = new Place(resumed[channel].Text("epoch")!, resumed[channel].Number("offset"));
            recorder.Add(new Subscribed(channel, name, _places[channel], place, resumed[channel].GetProperty("recovered").GetBoolean()));
        }
    }

    // Null when it has everything; else its connection has ended.
    private async Task<Away?> ListenAsync()
    {
        Away? away = null;
        while (true)
        {
            var next = _client!.NextJsonAsync();
            await Task.WhenAny(next, _heads.Task);
            if (IsFinished())
            {
                return null;
            }

            try
            {
                var frame = await next;
                if (frame.Text("type") == "reconnect")
                {
                    away = new Away(TimeProvider.System.GetUtcNow(), TimeSpan.FromMilliseconds(frame.Number("after_ms")), frame.Text("reason")!);
                }
                else
                {
                    See(frame);
                }
            }
            catch (TimeoutException)
            {
                // Nothing was said for a while.
            }
            catch (Exception ended) when (ConnectionLoss.Is(ended))
            {
                Assert.NotNull(away);
                away.Code = (await _client.EndAsync()).Code;
                away.Ended = TimeProvider.System.GetUtcNow();
                return away;
            }
        }
    }

    private bool IsFinished()
    {
        if (!_heads.Task.IsCompletedSuccessfully || channels.Any(channel => _places[channel].Offset < _heads.Task.Result[channel].Offset))
        {
            return false;
        }

        foreach (var channel in channels)
        {
            recorder.Add(new CaughtUp(channel, name, _heads.Task.Result[channel]));
        }

        return true;
    }

    private void See(JsonElement frame)
    {
        if (frame.Text("type") == "gap")
        {
            recorder.Add(new GapTold(frame.Text("channel")!, name, frame.Text("epoch")!, frame.Number("from"), frame.Number("to")));
        }
        else if (frame.Text("channel") is { } channel && _places.ContainsKey(channel))
        {
            var place = new Place(frame.Text("epoch")!, frame.Number("offset"));
            recorder.Add(new Seen(channel, name, place, frame.GetProperty("data").Text("id")!, frame.Raw("data")));
            _places[channel] = place;
        }
    }
}

/// <summary>A client was told to come back elsewhere.</summary>
/// <param name="At">When it was told.</param>
/// <param name="After">What it was told to wait.</param>
internal sealed record Away(DateTimeOffset At, TimeSpan After, string Reason)
{
    /// <summary>When its connection ended.</summary>
    public DateTimeOffset Ended { get; set; }

    /// <summary>With which code.</summary>
    public int? Code { get; set; }

    /// <summary>When it began to come back.</summary>
    public DateTimeOffset Tried { get; set; }

    /// <summary>When it had its session again.</summary>
    public DateTimeOffset Back { get; set; }

    /// <summary>How much later than announced it was back.</summary>
    public TimeSpan Late => Back - At - After;
}
