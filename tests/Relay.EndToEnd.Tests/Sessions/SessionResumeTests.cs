using Relay.EndToEnd.Tests.Durability;
using Relay.EndToEnd.Tests.Support;
using Relay.History;
using Relay.Protocol.Native;
using Xunit.Abstractions;

namespace Relay.EndToEnd.Tests.Sessions;

/// <summary>Sessions taken up by token over real sockets (protocols.md, <c>relay</c>, "Sessions"; guarantees.md 4).</summary>
public sealed class SessionResumeTests(ITestOutputHelper output)
{
    private const int Publishers = 3;
    private const int Subscribers = 6;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(120);
    private static readonly string[] Channels = ["topics/r-1", "topics/r-2", "topics/r-3"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Nothing_is_lost_repeated_or_reordered_by_clients_that_resume_at_random(int seed)
    {
        var nodes = new RestartedNode(NodeStart.With(("Namespaces:topics:HistoryLength", "1000000")));
        using var recorder = new HistoryRecorder();
        await using (nodes)
        {
            await nodes.StartAsync();
            var node = await nodes.CurrentAsync();
            var acks = new AckCounter();
            var subscribers = Enumerable.Range(1, Subscribers).Select(n => new ResumingSubscriber($"s{n}", Channels, node, recorder, (seed * 100) + n)).ToList();
            var publishers = Enumerable.Range(1, Publishers).Select(n => new RecordedPublisher($"p{n}", Channels, nodes, recorder, acks, seed - n)).ToList();
            var listening = subscribers.ConvertAll(static one => one.RunAsync());
            await Task.WhenAll(subscribers.Select(static one => one.BeganAsync())).WaitAsync(Bound, TimeProvider.System);
            var publishing = publishers.ConvertAll(static one => one.RunAsync());
            await (await Task.WhenAny([acks.FurtherAsync(6000), .. listening, .. publishing])).WaitAsync(Bound, TimeProvider.System);
            publishers.ForEach(static one => one.Stop());
            await Task.WhenAll(publishing).WaitAsync(Bound, TimeProvider.System);
            var heads = new Dictionary<string, Place>(StringComparer.Ordinal);
            foreach (var channel in Channels)
            {
                heads[channel] = await JournalReader.RecordAsync(node, channel, recorder);
            }

            subscribers.ForEach(one => one.Finish(heads));
            await Task.WhenAll(listening).WaitAsync(Bound, TimeProvider.System);
            foreach (var subscriber in subscribers)
            {
                await subscriber.DisposeAsync();
            }

            var resumes = subscribers.Sum(static one => one.Resumes);
            var report = HistoryChecker.Check(recorder.Entries);
            output.WriteLine($"{resumes} resumes, {subscribers.Sum(static one => one.TakeOvers)} from a connection that stood open, {subscribers.Sum(static one => one.Postponed)} postponed\n{report}");
            Assert.True(report.Findings.Count == 0, report.ToString());
            Assert.Equal(0, report.ToldGaps);
            Assert.Equal(report.Published, report.Stored);
            Assert.True(resumes > 20, $"only {resumes} resumes");
            CompleteLogs.Assert(recorder.Entries);
            node.AssertNoFailuresInLog();
        }
    }

    [Fact]
    public async Task A_protobuf_client_takes_up_the_session_of_a_json_client()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var first = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
        var connected = await first.NextJsonAsync();
        var ack = await first.SubscribeAsync("topics/a", ""","filter":{"events":["go.*"]}""");
        await first.DisposeAsync();
        await node.PostAsync("/api/v1/publish", """{"channel":"topics/a","event":"go.on","data":1}""");
        await node.PostAsync("/api/v1/publish", """{"channel":"topics/a","event":"stop.it","data":2}""");
        await using var second = await ProtobufClient.ConnectAsync(node);
        var resume = new Resume { Session = connected.Text("session"), Positions = { ["topics/a"] = new() { Epoch = ack.Text("epoch"), Offset = 0 } } };
        await second.SendAsync(new ClientMessage { Id = "r", Resume = resume });
        var resumed = (await second.NextAsync(ServerMessage.MessageOneofCase.Ack)).Ack;
        Assert.True(resumed.Success, resumed.Error);
        Assert.Equal((connected.Text("client_id"), connected.Text("session")), (resumed.ClientId, resumed.Session));
        var channel = resumed.Channels.Single(static one => one.Channel == "topics/a");
        Assert.Equal((true, 2L), (channel.Recovered, channel.Position.Offset));
        var missed = (await second.NextAsync(ServerMessage.MessageOneofCase.Event)).Event;
        Assert.Equal(("go.on", 1L, "1"), (missed.Event_, missed.Position.Offset, missed.Data.ToStringUtf8()));
        node.AssertNoFailuresInLog();
    }

    [Fact]
    public async Task A_new_process_knows_no_token_and_says_what_to_do_and_no_log_has_one()
    {
        string token;
        await using (var node = await NodeProcess.StartAsync(LogEverything))
        {
            await using var first = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
            token = (await first.NextJsonAsync()).Text("session")!;
            await first.SubscribeAsync("topics/a");
            await using var second = await node.NativeAsync();
            await second.SendAsync($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
            Assert.True((await second.NextJsonAsync("id", "r")).GetProperty("success").GetBoolean());
            Assert.Equal(4409, (await first.EndAsync()).Code);
            Assert.DoesNotContain(token, node.Log, StringComparison.Ordinal);
        }

        await using var other = await NodeProcess.StartAsync(LogEverything);
        await using var client = await other.NativeAsync();
        var refusal = await client.AskAsync($$"""{"type":"resume","id":"r","session":"{{token}}"}""");
        Assert.Equal("SESSION_NOT_FOUND", refusal.Text("code"));
        Assert.Contains("subscribe again, with since", refusal.Text("error"), StringComparison.Ordinal);
        Assert.DoesNotContain(token, other.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_is_gone_when_its_window_is_over()
    {
        await using var node = await NodeProcess.StartAsync(("Limits:SessionResumeWindow", "1s"));
        await using var first = await WsClient.ConnectAsync(node.Ws("/relay"), "relay.v1");
        var token = (await first.NextJsonAsync()).Text("session");
        await first.SubscribeAsync("topics/a");
        await first.DisposeAsync();
        await Relay.Testing.Eventually.UntilAsync(async () => await node.ConnectedClientsAsync() == 0, "the first connection is gone");
        await Task.Delay(TimeSpan.FromSeconds(1.1), TimeProvider.System);
        await using var client = await node.NativeAsync();
        Assert.Equal("SESSION_NOT_FOUND", (await client.AskAsync($$"""{"type":"resume","id":"r","session":"{{token}}"}""")).Text("code"));
    }

    private static NodeStart LogEverything => new()
    {
        Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["Logging__LogLevel__Default"] = "Trace" },
    };
}
