using Relay.Actors.Bridges;

namespace Relay.Bridges.Tests.Support;

/// <summary>
/// Stands before a real relay as a channel that fails with some messages would: events named <c>poison</c> fail by themselves, and all that come to their channel with them; a
/// channel told by <see cref="Refuse"/> takes nothing.
/// </summary>
internal sealed class FailingRelay
{
    private readonly Lock _gate = new();
    private readonly List<string> _refusing = [];
    private int _poisonLeft = int.MaxValue;

    public TestRelay? Behind { get; set; }

    /// <summary>Poison that is taken after so many failures.</summary>
    public int PoisonLasts { set => _poisonLeft = value; }

    /// <summary>Calls so far.</summary>
    public int Calls { get; private set; }

    /// <summary>Calls that brought something for a channel that refuses.</summary>
    public int Refused { get; private set; }

    public void Refuse(string channel, bool refuses)
    {
        lock (_gate)
        {
            if (refuses)
                _refusing.Add(channel);
            else
                _refusing.Remove(channel);
        }
    }

    public async Task<BridgeAccepted> PublishAsync(IReadOnlyList<BridgeItem> items, CancellationToken cancellationToken)
    {
        var open = new List<BridgeOpen>();
        lock (_gate)
        {
            Calls++;
            var failing = items.Where(static item => item.Item.Event == "poison").SelectMany(static item => item.Channels).ToHashSet();
            if (failing.Count > 0 && _poisonLeft-- <= 0)
                failing.Clear();
            for (var i = 0; i < items.Count; i++)
            {
                if (items[i].Channels.Where(_refusing.Contains).ToList() is { Count: > 0 } refusing)
                    open.Add(new BridgeOpen(i, refusing, false, "the journal is ill"));
                else if (items[i].Channels.Any(failing.Contains))
                    open.Add(new BridgeOpen(i, items[i].Channels, true, "handling it failed"));
            }

            Refused += open.Exists(static one => !one.IsItsOwn) ? 1 : 0;
        }

        var rest = items.Select((item, i) => open.Find(one => one.Index == i) is { } found
            ? item with { Channels = [.. item.Channels.Except(found.Channels)] }
            : item).Where(static item => item.Channels.Count > 0).ToList();
        await Behind!.System.DeliverAsync(rest, cancellationToken);
        return open.Count == 0 ? new BridgeAccepted(0) : throw new BridgeUnfinishedException(open);
    }
}
