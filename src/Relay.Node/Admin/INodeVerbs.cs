using System.Text.Json;
using Relay.Actors;

namespace Relay.Node.Admin;

/// <summary>Verbs that every node answers for itself: asked over HTTP of one node, which asks the others and puts the answers together.</summary>
internal interface INodeVerbs
{
    /// <summary>One JSON object; null = it is no verb of this one's.</summary>
    Task<byte[]?> AnswerAsync(string verb, JsonElement arguments);
}

/// <summary>Brings verbs to those who answer them. What fails is logged and answered as an error: the asker must not wait for it.</summary>
internal sealed partial class NodeVerbs(RelaySystem relay, IEnumerable<INodeVerbs> all, ILogger<NodeVerbs> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        relay.AnswerVerb = AnswerAsync;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<byte[]> AnswerAsync(string verb, ReadOnlyMemory<byte> arguments)
    {
        try
        {
            var read = AdminJson.Parse(arguments);
            foreach (var verbs in all)
            {
                if (await verbs.AnswerAsync(verb, read) is { } answer)
                {
                    return answer;
                }
            }
        }
        catch (Exception failure)
        {
            LogFailed(failure, verb);
        }

        return AdminJson.Of(json => json.WriteString("error", $"Node {relay.NodeName} cannot answer '{verb}'"));
    }

    [LoggerMessage(LogLevel.Error, "operators' verb {Verb} failed")]
    private partial void LogFailed(Exception failure, string verb);
}
