using System.Text.Json;
using Relay.Actors;

namespace Relay.Node.Admin;

/// <summary>What one node said.</summary>
internal sealed record NodeSays(string Node, JsonElement Json);

/// <summary>What nodes said, and the names of those that did not within 2 s.</summary>
internal sealed record NodesSay(IReadOnlyList<NodeSays> Said, IReadOnlyList<string> Missing)
{
    /// <summary>Every cluster-wide answer says what it lacks.</summary>
    public void WriteMissing(Utf8JsonWriter json)
    {
        if (Missing.Count > 0)
        {
            json.WriteList("nodes_missing", Missing);
        }
    }
}

/// <summary>Asks nodes, this one among them.</summary>
internal sealed class NodeAsker(RelaySystem relay)
{
    /// <summary>All nodes.</summary>
    public Task<NodesSay> AskAllAsync(HttpContext context, string verb, Action<Utf8JsonWriter> arguments) =>
        AskAsync(context, verb, arguments, null, Http.ApiGuard.IsOfNode(context));

    /// <summary>One node.</summary>
    public Task<NodesSay> AskOneAsync(HttpContext context, string node, string verb, Action<Utf8JsonWriter> arguments) => AskAsync(context, verb, arguments, node, here: false);

    private async Task<NodesSay> AskAsync(HttpContext context, string verb, Action<Utf8JsonWriter> arguments, string? node, bool here)
    {
        var answers = await relay.AskNodesAsync(verb, AdminJson.Of(arguments), node, here, context.RequestAborted);
        return new NodesSay([.. answers.Answers.Select(static answer => new NodeSays(answer.Node, AdminJson.Parse(answer.Json)))], answers.Silent);
    }
}
