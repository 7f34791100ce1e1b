using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// A publisher as guarantees.md wants it: every publish has an id, and what was not acknowledged is sent again under the same id, over the next connection
/// or when the refusal says so. Some are in flight at any time.
/// </summary>
internal sealed class RecordedPublisher(string name, IReadOnlyList<string> channels, INodeSource nodes, HistoryRecorder recorder, AckCounter acks, int seed)
{
    /// <summary>In flight at once: enough for group commits, and for a kill to leave some unanswered.</summary>
    private const int Window = 16;

    private readonly Random _random = new(seed);
    private readonly SortedDictionary<int, Publish> _open = [];
    private readonly List<Publish> _refused = [];
    private volatile bool _stopping;
    private TimeSpan _retryAfter;
    private int _last;

    /// <inheritdoc cref="RunShape.Pause"/>
    public TimeSpan Pause { get; init; }

    /// <summary>From now on only what is open is finished.</summary>
    public void Stop() => _stopping = true;

    /// <summary>Ends when all it ever sent is acknowledged, after <see cref="Stop"/>.</summary>
    public async Task RunAsync()
    {
        do
        {
            var node = await nodes.CurrentAsync();
            try
            {
                await using var client = await node.NativeAsync();
                await PublishOverAsync(client);
            }
            catch (Exception ended) when (ConnectionLoss.Is(ended))
            {
                foreach (var publish in _open.Values)
                {
                    recorder.Add(new Unanswered(publish.Channel, name, publish.Id));
                }
            }
        }
        while (!_stopping || _open.Count > 0);
    }

    private async Task PublishOverAsync(WsClient client)
    {
        _refused.Clear();
        foreach (var publish in _open.Values)
        {
            await SendAsync(client, publish);
        }

        while (true)
        {
            while (!_stopping && _open.Count < Window)
            {
                var publish = Next();
                _open.Add(publish.Number, publish);
                await SendAsync(client, publish);
            }

            if (_open.Count == 0)
            {
                return;
            }

            await TakeAsync(client, await client.NextJsonAsync());
        }
    }

    private Publish Next()
    {
        var number = ++_last;
        var id = $"{name}-{number}";
        return new Publish(number, id, channels[_random.Next(channels.Count)], $$"""{"id":"{{id}}","text":"{{new string('x', _random.Next(200))}}"}""");
    }

    private async Task SendAsync(WsClient client, Publish publish)
    {
        recorder.Add(new Invoked(publish.Channel, name, publish.Id, publish.Body));
        await client.SendAsync($$"""{"type":"publish","channel":"{{publish.Channel}}","event":"message.new","id":"{{publish.Id}}","data":{{publish.Body}}}""");
    }

    private async Task TakeAsync(WsClient client, JsonElement frame)
    {
        if (frame.Text("type") != "ack")
        {
            return;
        }

        var publish = _open.Values.Single(publish => publish.Id == frame.Text("id"));
        if (frame.GetProperty("success").GetBoolean())
        {
            var place = new Place(frame.Text("epoch")!, frame.Number("offset"));
            recorder.Add(new Acknowledged(publish.Channel, name, publish.Id, place, frame.GetProperty("duplicate").GetBoolean()));
            _open.Remove(publish.Number);
            acks.Add();
            if (Pause > TimeSpan.Zero && !_stopping)
            {
                await Task.Delay(Pause, TimeProvider.System);
            }
        }
        else
        {
            var retryable = frame.TryGetProperty("retry_after_ms", out var after);
            recorder.Add(new Refused(publish.Channel, name, publish.Id, frame.Text("code")!, retryable));
            Assert.True(retryable, $"refused for good: {frame.GetRawText()}");
            Assert.Equal("UNAVAILABLE", frame.Text("code"));
            _retryAfter = TimeSpan.FromMilliseconds(after.GetInt64());
            _refused.Add(publish);
        }

        if (_refused.Count > 0 && _refused.Count == _open.Count)
        {
            await RetryAsync(client);
        }
    }

    private async Task RetryAsync(WsClient client)
    {
        await Task.Delay(_retryAfter, TimeProvider.System);
        var again = _refused.OrderBy(static publish => publish.Number).ToList();
        _refused.Clear();
        foreach (var publish in again)
        {
            await SendAsync(client, publish);
        }
    }

    private sealed record Publish(int Number, string Id, string Channel, string Body);
}
