using System.Text.Json;
using Relay.Actors;
using Relay.Node.Configuration;
using Relay.Node.Health;
using Relay.Node.WebSockets;

namespace Relay.Node.Admin;

/// <summary>
/// Drains this node and takes that back: unready, no new connections, its channels and clients go to other nodes as when it stops; then it stays a member without shards until it is told
/// otherwise or is stopped. Thread-safe.
/// </summary>
internal sealed partial class DrainKeeper(RelaySystem relay, RelayOptions options, HealthState health, ConnectionGate gate, IHostApplicationLifetime lifetime, ILogger<DrainKeeper> logger)
{
    private const string Part = "drain";

    private readonly Lock _gate = new();
    private CancellationTokenSource? _drain;
    private bool _isOver;

    /// <summary><c>none</c>, <c>draining</c>, <c>drained</c>.</summary>
    public string State
    {
        get
        {
            lock (_gate)
            {
                return _drain is null ? "none" : _isOver ? "drained" : "draining";
            }
        }
    }

    /// <summary>Begins to drain; says why not, when it cannot.</summary>
    public string? Drain(bool keepsClients)
    {
        lock (_gate)
        {
            if (_drain is not null)
            {
                return $"Node {relay.NodeName} is drained or being drained already";
            }

            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                return $"Node {relay.NodeName} is stopping";
            }

            if (relay.Cluster is not { HasOthers: true })
            {
                return $"There is no other node that could take over from {relay.NodeName}";
            }

            _drain = new CancellationTokenSource();
            _isOver = false;
            health.Fail(Part, "drained by an operator");
            gate.IsDraining = true;
            LogDraining();
            _ = RunAsync(_drain, keepsClients);
            return null;
        }
    }

    /// <summary>Takes part again; says why not, when it cannot.</summary>
    public async Task<string?> UndrainAsync()
    {
        lock (_gate)
        {
            if (_drain is null)
            {
                return $"Node {relay.NodeName} is not drained";
            }
        }

        if (lifetime.ApplicationStopping.IsCancellationRequested || !await relay.UndrainAsync())
        {
            return $"Node {relay.NodeName} is about to be gone, or its cluster does not answer";
        }

        lock (_gate)
        {
            _drain?.Cancel();
            _drain = null;
            gate.IsDraining = lifetime.ApplicationStopping.IsCancellationRequested;
            health.Remove(Part);
            LogUndrained();
            return null;
        }
    }

    private async Task RunAsync(CancellationTokenSource drain, bool keepsClients)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

        // What takes longer goes on besides; a node that is asked says how many shards and connections it still has.
        await relay.DrainAsync(options.Drain.Time, keepsClients, drain.Token);
        lock (_gate)
        {
            _isOver |= _drain == drain;
        }
    }

    [LoggerMessage(LogLevel.Information, "drained by an operator: channels and clients go to other nodes")]
    private partial void LogDraining();

    [LoggerMessage(LogLevel.Information, "no longer drained: takes part again")]
    private partial void LogUndrained();
}

/// <summary>The same for whichever node asks for a caller.</summary>
internal sealed class DrainVerbs(DrainKeeper keeper) : INodeVerbs
{
    public const string Drain = "drain";
    public const string Undrain = "undrain";

    public async Task<byte[]?> AnswerAsync(string verb, JsonElement arguments) => verb switch
    {
        Drain => Answer(keeper.Drain(arguments.FlagOf("keep_clients"))),
        Undrain => Answer(await keeper.UndrainAsync()),
        _ => null,
    };

    private byte[] Answer(string? refusal) => refusal is null ? AdminJson.Of(json => json.WriteString("drain", keeper.State)) : AdminAnswers.Refusal(AdminAnswers.Conflict, refusal);
}
