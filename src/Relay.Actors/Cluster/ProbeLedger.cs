using Relay.Cluster;

namespace Relay.Actors.Cluster;

/// <summary>How another node stands, as the probe has to know it.</summary>
internal enum ProbedAs
{
    /// <summary>A member, and there is no link to it.</summary>
    Unlinked,

    /// <summary>Linked; serves nothing, as far as this node knows.</summary>
    Idle,

    /// <summary>Serves shards: is to be asked through one of them.</summary>
    Serving,
}

/// <summary>What to do about a silence.</summary>
/// <param name="Resubscribe">This node may be deaf.</param>
/// <param name="Reset">Links that bring nothing.</param>
internal readonly record struct ProbeRemedy(bool Resubscribe, IReadOnlyList<NodeId> Reset);

/// <summary>
/// Who of the other nodes answers through its shards. Plain rules; owned by <see cref="PathProbe"/>. Counts looks, one per second, not time: a process that slept sees one, whatever lies unread.
/// </summary>
internal sealed class ProbeLedger
{
    /// <summary>More looks without an answer are a silence.</summary>
    internal const int Patience = 5;

    /// <summary>A link is not given up before what may be this node's own deafness had time to be healed: it keeps what the other side has not got.</summary>
    internal const int ResetAfter = 12;

    private readonly Dictionary<NodeId, int> _since = [];
    private int _looks;

    /// <summary>Nodes that do not answer.</summary>
    public IReadOnlyList<NodeId> Silent => [.. _since.Where(static one => one.Value > Patience).Select(static one => one.Key)];

    /// <summary>
    /// Why this node counts as ill, for people; null when it does not. It does when more of the others are silent than answer: a single one among several is the ill one itself, and red everywhere
    /// would turn one sick node into an outage.
    /// </summary>
    public string? Illness =>
        Silent is { Count: > 0 } silent && silent.Count * 2 > _since.Count
            ? $"no answer through the shards of {string.Join(", ", silent.Select(static node => node.Name).Order(StringComparer.Ordinal))} for {silent.Max(node => _since[node])} s"
            : null;

    /// <summary>A second has passed. The nodes to be asked now are those that are <see cref="ProbedAs.Serving"/> and <see cref="IsDue"/>.</summary>
    public ProbeRemedy Look(IReadOnlyDictionary<NodeId, ProbedAs> others)
    {
        _looks++;
        foreach (var gone in _since.Keys.Where(node => others.GetValueOrDefault(node, ProbedAs.Idle) == ProbedAs.Idle).ToArray())
        {
            _since.Remove(gone);
        }

        foreach (var (node, how) in others)
        {
            if (how != ProbedAs.Idle && !_since.TryAdd(node, 0))
            {
                _since[node]++;
            }
        }

        var worst = Illness is null ? 0 : Silent.Max(node => _since[node]);
        return new ProbeRemedy(
            Resubscribe: worst > Patience && (worst - Patience) % Patience == 1,
            Reset: [.. Silent.Where(node => others[node] == ProbedAs.Serving && _since[node] % ResetAfter == 0)]);
    }

    /// <summary>Who has been silent for long is asked less often: what is asked is kept until there is an answer.</summary>
    public bool IsDue(NodeId node) => _since.GetValueOrDefault(node) <= Patience || _looks % Patience == 0;

    public void Answered(NodeId node)
    {
        if (_since.ContainsKey(node))
        {
            _since[node] = 0;
        }
    }
}
