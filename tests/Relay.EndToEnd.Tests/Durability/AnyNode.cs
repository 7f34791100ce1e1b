using Relay.EndToEnd.Tests.Support;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Whichever node is there, as a client finds it behind a balancer.</summary>
internal sealed class AnyNode(IReadOnlyList<RestartedNode> nodes, int seed) : INodeSource
{
    private readonly Random _random = new(seed);

    public async Task<NodeProcess> CurrentAsync()
    {
        var all = nodes.Select(static node => node.CurrentAsync()).ToList();
        var running = all.FindAll(static node => node.IsCompletedSuccessfully);
        return running.Count > 0 ? await running[_random.Next(running.Count)] : await await Task.WhenAny(all);
    }
}
