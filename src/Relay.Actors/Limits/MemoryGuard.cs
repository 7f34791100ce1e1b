namespace Relay.Actors.Limits;

/// <summary>What a node that is short of memory does not do any more; each level includes those before it.</summary>
public enum MemoryLevel
{
    /// <summary>Everything is done.</summary>
    Fine,

    /// <summary>From nine tenths of the budget: no new connections.</summary>
    NoConnections,

    /// <summary>From the budget on: no publishes and no new subscriptions either.</summary>
    NoWork,

    /// <summary>Beyond it by a tenth: those who let most wait for them are cut off.</summary>
    CutSlowest,
}

/// <summary>From bytes in use to a level. A level is left only once use has fallen a twentieth of the budget below where it began. Pure; one owner.</summary>
internal struct MemoryGuard
{
    private const double Slack = 0.05;

    /// <summary>Now.</summary>
    public MemoryLevel Level { get; private set; }

    /// <summary>Looks again; true when the level has changed.</summary>
    /// <param name="used">Bytes in use.</param>
    /// <param name="budget">0 = no bound.</param>
    public bool Update(long used, long budget)
    {
        var before = Level;
        var share = budget > 0 ? (double)used / budget : 0;
        Level = LevelOf(share) is var reached && reached >= before ? reached : (MemoryLevel)Math.Min((int)before, (int)LevelOf(share + Slack));
        return Level != before;
    }

    private static MemoryLevel LevelOf(double share) =>
        share >= 1.1 ? MemoryLevel.CutSlowest
        : share >= 1.0 ? MemoryLevel.NoWork
        : share >= 0.9 ? MemoryLevel.NoConnections
        : MemoryLevel.Fine;
}
