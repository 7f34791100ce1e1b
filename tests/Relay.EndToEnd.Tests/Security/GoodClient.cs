using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>A client that publishes to itself and pings, again and again, whatever is done to the node meanwhile: each event comes once and in order, on one connection.</summary>
internal sealed class GoodClient : IAsyncDisposable
{
    // Often enough to be there in every attack, seldom enough to cost nothing.
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private readonly WsClient _client;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _running;
    private long _rounds;

    private GoodClient(WsClient client)
    {
        _client = client;
        _running = RunAsync();
    }

    /// <summary>Rounds that were right.</summary>
    public long Rounds => Interlocked.Read(ref _rounds);

    public static async Task<GoodClient> StartAsync(NodeProcess node, string token)
    {
        var client = await node.NativeAsync(token);
        await client.SubscribeAsync("topics/good");
        return new GoodClient(client);
    }

    /// <summary>Three more rounds are right: everything sent before has been heard.</summary>
    public async Task GoesOnAsync()
    {
        var until = Rounds + 3;
        await Eventually.UntilAsync(
            async () =>
            {
                if (_running.IsCompleted)
                {
                    await _running;
                    throw new InvalidOperationException("the good client ended");
                }

                return Rounds >= until;
            },
            "three more rounds of the good client");
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _running;
        await _client.DisposeAsync();
        _end.Dispose();
    }

    private async Task RunAsync()
    {
        for (var round = 0; !_end.IsCancellationRequested; round++)
        {
            await _client.SendAsync($$"""{"type":"publish","channel":"topics/good","event":"round","data":{{round}}}""");
            var heard = await _client.NextJsonAsync(static json => json.Text("channel") == "topics/good");
            Assert.Equal((round, round + 1), (heard.Number("data"), heard.Number("offset")));
            Interlocked.Increment(ref _rounds);
            await Task.Delay(Pace, TimeProvider.System);
        }
    }
}
