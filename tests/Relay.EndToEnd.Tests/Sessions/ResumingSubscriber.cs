using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Sessions;

/// <summary>
/// A subscriber that subscribes once and then comes back by its session's token, one frame for all channels, at random times and in every manner: over the grave of a
/// dropped connection, while the old one still stands open, or after a resume it did not wait for.
/// </summary>
internal sealed class ResumingSubscriber(string name, IReadOnlyList<string> channels, NodeProcess node, HistoryRecorder recorder, int seed) : IAsyncDisposable
{
    private const int MostEventsPerConnection = 400;

    private readonly Random _random = new(seed);
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly List<WsClient> _leftOpen = [];
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, Place>> _heads = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _token = "";

    /// <summary>Resumes that were acknowledged.</summary>
    public int Resumes { get; private set; }

    /// <summary>Times the answer was to come again because a hand-over was under way.</summary>
    public int Postponed { get; private set; }

    public int TakeOvers => _leftOpen.Count;

    /// <summary>Ends when it has a place in every channel.</summary>
    public Task BeganAsync() => _began.Task;

    /// <summary>Nothing follows these places any more: it reads up to them and ends.</summary>
    public void Finish(IReadOnlyDictionary<string, Place> heads) => _heads.TrySetResult(heads);

    public async Task RunAsync()
    {
        var client = await BeginAsync();
        while (!await ListenAsync(client, 1 + _random.Next(MostEventsPerConnection)))
        {
            if (_random.Next(2) == 0)
            {
                _leftOpen.Add(client);
            }
            else
            {
                await client.DisposeAsync();
            }

            foreach (var channel in channels)
            {
                recorder.Add(new Disconnected(channel, name));
            }

            client = await ResumeAsync();
        }

        await client.DisposeAsync();
        foreach (var old in _leftOpen)
        {
            // The relay ended each with the reason that says: do not come back with this one.
            Assert.Equal(4409, (await old.EndAsync()).Code);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var old in _leftOpen)
        {
            await old.DisposeAsync();
        }
    }

    private async Task<WsClient> BeginAsync()
    {
        var client = await ConnectAsync();
        foreach (var channel in channels)
        {
            var ack = await client.SubscribeAsync(channel);
            _places[channel] = new Place(ack.Text("epoch")!, ack.Number("offset"));
            recorder.Add(new Subscribed(channel, name, null, _places[channel], null));
        }

        _began.TrySetResult();
        return client;
    }

    private async Task<WsClient> ConnectAsync()
    {
        var client = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
        var connected = await client.NextJsonAsync();
        if (_token.Length == 0)
        {
            _token = connected.Text("session")!;
        }

        return client;
    }

    private async Task<WsClient> ResumeAsync()
    {
        var positions = JsonSerializer.Serialize(_places.ToDictionary(static pair => pair.Key, static pair => new { epoch = pair.Value.Epoch, offset = pair.Value.Offset }, StringComparer.Ordinal));
        while (true)
        {
            var client = await ConnectAsync();
            await client.SendAsync($$"""{"type":"resume","id":"r","session":"{{_token}}","positions":{{positions}}}""");
            if (_random.Next(4) == 0)
            {
                // Dies without having heard the answer.
                await client.DisposeAsync();
                continue;
            }

            // What comes before the answer is brought again behind it.
            var ack = await client.NextJsonAsync("id", "r");
            if (ack.GetProperty("success").GetBoolean())
            {
                Take(ack);
                return client;
            }

            await client.DisposeAsync();
            Assert.Equal("UNAVAILABLE", ack.Text("code"));
            Postponed++;
            await Task.Delay(TimeSpan.FromMilliseconds(ack.Number("retry_after_ms")), TimeProvider.System);
        }
    }

    private void Take(JsonElement ack)
    {
        Resumes++;
        _token = ack.Text("session")!;
        var resumed = ack.GetProperty("channels").EnumerateArray().ToDictionary(static one => one.Text("channel")!, StringComparer.Ordinal);
        foreach (var channel in channels)
        {
            var one = resumed[channel];
            var recovered = one.GetProperty("recovered").GetBoolean();
            var place = new Place(one.Text("epoch")!, one.Number("offset"));
            recorder.Add(new Subscribed(channel, name, _places[channel], place, recovered));
            if (!recovered)
            {
                _places[channel] = place;
            }
        }
    }

    // True when it has everything.
    private async Task<bool> ListenAsync(WsClient client, int frames)
    {
        for (var taken = 0; taken < frames || _heads.Task.IsCompleted; taken++)
        {
            var next = client.NextJsonAsync();
            await Task.WhenAny(next, _heads.Task);
            if (IsFinished())
            {
                return true;
            }

            See(await next);
        }

        return false;
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
            var gap = new GapTold(frame.Text("channel")!, name, frame.Text("epoch")!, frame.Number("from"), frame.Number("to"));
            recorder.Add(gap);
            _places[gap.Channel] = new Place(gap.Epoch, gap.To);
        }
        else if (frame.Text("channel") is { } channel && _places.ContainsKey(channel))
        {
            var place = new Place(frame.Text("epoch")!, frame.Number("offset"));
            recorder.Add(new Seen(channel, name, place, frame.GetProperty("data").Text("id")!, frame.Raw("data")));
            _places[channel] = place;
        }
    }
}
