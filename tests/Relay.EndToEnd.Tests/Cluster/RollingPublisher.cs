using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Cluster;

/// <summary>Publishes one event after the other, some per second, to whatever node is in service; what was not acknowledged is sent again under its id.</summary>
internal sealed class RollingPublisher(string name, IReadOnlyList<string> channels, RollingCluster cluster, HistoryRecorder recorder)
{
    private volatile bool _stopping;
    private (string Channel, string Id, string Body)? _open;
    private int _last;

    /// <summary>Between an ack and the next publish.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromMilliseconds(15);

    public void Stop() => _stopping = true;

    public async Task RunAsync()
    {
        do
        {
            try
            {
                await using var client = await cluster.Pick().NativeAsync();
                while (!_stopping || _open is not null)
                {
                    await PublishAsync(client, _open ?? Next());
                    await Task.Delay(Pace, TimeProvider.System);
                }
            }
            catch (Exception ended) when (ConnectionLoss.Is(ended))
            {
                if (_open is { } open)
                {
                    recorder.Add(new Unanswered(open.Channel, name, open.Id));
                }
            }
        }
        while (!_stopping || _open is not null);
    }

    private (string Channel, string Id, string Body) Next()
    {
        var id = $"{name}-{++_last}";
        return (channels[_last % channels.Count], id, $$"""{"id":"{{id}}"}""");
    }

    private async Task PublishAsync(WsClient client, (string Channel, string Id, string Body) publish)
    {
        _open = publish;
        var (channel, id, body) = publish;
        recorder.Add(new Invoked(channel, name, id, body));
        await client.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"message.new","id":"{{id}}","data":{{body}}}""");
        var ack = await client.NextJsonAsync("id", id);
        if (ack.GetProperty("success").GetBoolean())
        {
            recorder.Add(new Acknowledged(channel, name, id, new Place(ack.Text("epoch")!, ack.Number("offset")), ack.GetProperty("duplicate").GetBoolean()));
            _open = null;
            return;
        }

        recorder.Add(new Refused(channel, name, id, ack.Text("code")!, ack.TryGetProperty("retry_after_ms", out var after)));
        Assert.True(ack.Text("code") == "UNAVAILABLE", ack.GetRawText());
        await Task.Delay(TimeSpan.FromMilliseconds(after.GetInt64()), TimeProvider.System);
    }
}
