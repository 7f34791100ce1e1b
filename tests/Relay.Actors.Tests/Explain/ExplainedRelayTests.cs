using Relay.Actors.Admin;
using Relay.Actors.Explain;
using Relay.Protocol;

namespace Relay.Actors.Tests.Explain;

/// <summary>A whole relay says what became of its events, and shows and ends its connections.</summary>
public sealed class ExplainedRelayTests
{
    private static readonly RelaySettings Settings = new() { ExplainBytes = 1 << 20 };

    [Fact]
    public async Task Who_reads_who_listens_by_pattern_who_does_not_listen_and_who_leaves_are_told_apart()
    {
        using var relay = new RelayHarness(settings: Settings);
        var (reader, pattern, other, leaver) = (relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Relay), relay.Connect(DialectKind.Relay));
        foreach (var (client, channel) in new[] { (reader, "topics/a"), (pattern, "topics/*"), (leaver, "topics/a") })
        {
            client.Send($$"""{"type":"subscribe","channel":"{{channel}}","id":"s"}""");
            relay.Settle();
        }

        relay.Time.Advance(TimeSpan.FromSeconds(1));
        leaver.Send("""{"type":"unsubscribe","channel":"topics/a","id":"u"}""");
        relay.Settle();
        relay.Time.Advance(TimeSpan.FromSeconds(1));
        other.Send("""{"type":"publish","channel":"topics/a","event":"e","id":"p1"}""");
        relay.Settle();
        other.Send("""{"type":"publish","channel":"topics/a","event":"e","id":"p1"}""");
        relay.Settle();

        var found = Assert.Single(relay.Relay.FindEvents("p1", null));
        Assert.Equal("duplicate", Assert.Single(relay.Relay.FindFailures("p1", null)).Outcome);
        Assert.Empty(relay.Relay.FindEvents("p1", "topics/b"));
        foreach (var (client, verdict) in new[] { (reader, Verdicts.Written), (pattern, Verdicts.Written), (other, Verdicts.NotSubscribed), (leaver, Verdicts.Unsubscribed) })
        {
            var here = await SettledAsync(relay, relay.Relay.ExplainHereAsync(found.Event, null, client.Id, 10, default));
            Assert.Equal(verdict, Assert.Single(here.Verdicts).Verdict.Name);
        }

        // Without a name: those that had to do with the channel.
        var all = await SettledAsync(relay, relay.Relay.ExplainHereAsync(found.Event, null, null, 2, default));
        Assert.Equal(3, all.Connections);
        Assert.Equal(2, all.Verdicts.Count);
    }

    [Fact]
    public async Task Connections_are_listed_in_pages_and_described_with_what_they_hear()
    {
        using var relay = new RelayHarness();
        var clients = Enumerable.Range(0, 5).Select(_ => relay.Connect(DialectKind.Relay)).ToList();
        clients[3].Send("""{"type":"subscribe","channel":"topics/a","id":"s","filter":{"events":["task.*"]}}""");
        relay.Settle();
        var seen = new List<string>();
        for (var after = 0L; ;)
        {
            var page = await SettledAsync(relay, relay.Relay.ListConnectionsAsync(new ConnectionQuery { Limit = 2, After = after }, default));
            Assert.Equal(5, page.Total);
            if (page.Connections.Count == 0)
            {
                break;
            }

            seen.AddRange(page.Connections.Select(static one => one.ClientId));
            after = page.Connections[^1].Number;
        }

        Assert.Equal(clients.ConvertAll(static client => client.Id), seen);
        var listeners = await SettledAsync(relay, relay.Relay.ListConnectionsAsync(new ConnectionQuery { Channel = "topics/a" }, default));
        Assert.Equal(clients[3].Id, Assert.Single(listeners.Connections).ClientId);
        var detail = (await SettledAsync(relay, relay.Relay.DescribeConnectionAsync(clients[3].Id, default)))!;
        var subscription = detail.Subscriptions.Single(static one => one.Channel == "topics/a");
        Assert.Equal("task.*", Assert.Single(subscription.Events!));
        Assert.True(subscription.LiveMicros > 0);
        Assert.Null(await SettledAsync(relay, relay.Relay.DescribeConnectionAsync("ws_none", default)));
        Assert.Equal(0, relay.Relay.Disconnect("nobody", null, 4000, ""));
        Assert.Equal(1, relay.Relay.Disconnect(null, clients[3].Id, 4000, "bye"));
        relay.Settle();
        Assert.Contains(clients[3].Received, static frame => frame.Contains("Disconnected by an operator: bye", StringComparison.Ordinal));
        Assert.Contains("closed 4000 bye", clients[3].Received);
    }

    private static async Task<T> SettledAsync<T>(RelayHarness relay, Task<T> task)
    {
        relay.Settle();
        return await task;
    }
}
