using System.Runtime.InteropServices;
using Relay.Protocol;

namespace Relay.Actors.Fanout;

/// <summary>
/// Who is present on a channel on all nodes, as one replica knows it: its own members, and what the channel's owner has said of the others. A member may be on two nodes for a moment, while
/// it goes from one to the other; it is one all the same. Plain data.
/// </summary>
internal sealed class PresenceLedger
{
    private readonly Dictionary<PresenceMember, Holders> _present = [];

    // How many members each other node has.
    private readonly Dictionary<string, int> _nodes = new(StringComparer.Ordinal);

    private readonly HashSet<PresenceMember> _joined = [];
    private readonly HashSet<PresenceMember> _left = [];
    private List<PresenceStatement>? _incoming;

    /// <summary>Own members.</summary>
    public int OwnCount { get; private set; }

    /// <summary>All members.</summary>
    public int Count => _present.Count;

    /// <summary>All members, each once.</summary>
    public IEnumerable<PresenceMember> All => _present.Keys;

    /// <summary>Own members, each once.</summary>
    public IEnumerable<PresenceMember> Own => _present.Where(static one => one.Value.Own > 0).Select(static one => one.Key);

    /// <summary>Other nodes that have members.</summary>
    public IReadOnlyList<string> Others => [.. _nodes.Keys];

    /// <summary>An own member comes; true when it was on no node.</summary>
    public bool Arrive(PresenceMember member)
    {
        ref var holders = ref CollectionsMarshal.GetValueRefOrAddDefault(_present, member, out var wasThere);
        if (holders.Own++ == 0)
        {
            OwnCount++;
            if (!_left.Remove(member))
            {
                _joined.Add(member);
            }
        }

        return !wasThere;
    }

    /// <summary>An own member goes; true when it is on no node any more.</summary>
    public bool Depart(PresenceMember member)
    {
        ref var holders = ref CollectionsMarshal.GetValueRefOrNullRef(_present, member);
        if (--holders.Own > 0)
        {
            return false;
        }

        OwnCount--;
        if (!_joined.Remove(member))
        {
            _left.Add(member);
        }

        return holders.Others == 0 && _present.Remove(member);
    }

    /// <summary>What became of the own members since the last time; null when nothing did.</summary>
    public PresenceStatement? TakeChange(string node)
    {
        if (_joined.Count + _left.Count == 0)
        {
            return null;
        }

        var change = new PresenceStatement { Node = node, Joined = [.. _joined], Left = [.. _left] };
        _joined.Clear();
        _left.Clear();
        return change;
    }

    /// <summary>The owner has said something of the others.</summary>
    /// <param name="statement">What.</param>
    /// <param name="changes">Gets who is present now and was not, or the other way round.</param>
    /// <returns>True when all there are is known with this.</returns>
    public bool Apply(PresenceStatement statement, List<(PresenceMember Member, bool Joined)> changes)
    {
        if (statement.Begins)
        {
            _incoming = [];
        }

        if (_incoming is null)
        {
            Change(statement, changes);
            return false;
        }

        _incoming.Add(statement);
        if (!statement.Ends)
        {
            return false;
        }

        Replace(_incoming, changes);
        _incoming = null;
        return true;
    }

    /// <summary>Nobody here is told of the others any more.</summary>
    public void Forget()
    {
        Replace([], []);
        _incoming = null;
    }

    private void Change(PresenceStatement statement, List<(PresenceMember Member, bool Joined)> changes)
    {
        foreach (var member in statement.Left)
        {
            ref var holders = ref CollectionsMarshal.GetValueRefOrNullRef(_present, member);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref holders) || holders.Others == 0)
            {
                continue;
            }

            Number(statement.Node, -1);
            holders.Others--;
            if (holders is { Own: 0, Others: 0 })
            {
                _present.Remove(member);
                changes.Add((member, false));
            }
        }

        foreach (var member in statement.Joined)
        {
            Number(statement.Node, 1);
            ref var holders = ref CollectionsMarshal.GetValueRefOrAddDefault(_present, member, out var wasThere);
            holders.Others++;
            if (!wasThere)
            {
                changes.Add((member, true));
            }
        }
    }

    private void Replace(List<PresenceStatement> statements, List<(PresenceMember Member, bool Joined)> changes)
    {
        var now = new Dictionary<PresenceMember, int>();
        _nodes.Clear();
        foreach (var statement in statements)
        {
            foreach (var member in statement.Joined)
            {
                Number(statement.Node, 1);
                CollectionsMarshal.GetValueRefOrAddDefault(now, member, out _)++;
            }
        }

        foreach (var (member, holders) in _present)
        {
            if (now.Remove(member, out var others) || holders.Own > 0)
            {
                _present[member] = holders with { Others = others };
            }
            else
            {
                _present.Remove(member);
                changes.Add((member, false));
            }
        }

        foreach (var (member, others) in now)
        {
            _present.Add(member, new Holders(0, others));
            changes.Add((member, true));
        }
    }

    private void Number(string node, int change)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_nodes, node, out _);
        count += change;
        if (count <= 0)
        {
            _nodes.Remove(node);
        }
    }

    private record struct Holders(int Own, int Others);
}
