namespace Relay.Actors.Limits;

/// <summary>How much memory the process uses and may use, bytes.</summary>
public static class ProcessMemory
{
    /// <summary>
    /// What is resident, less what the garbage collector holds in reserve: that is used before anything new is asked for. What is garbage but not collected yet counts.
    /// </summary>
    public static long Used()
    {
        var resident = Environment.WorkingSet;
        var outside = Math.Max(0, resident - GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes);
        return Math.Min(resident, outside + GC.GetTotalMemory(forceFullCollection: false));
    }

    /// <summary>The limit of the container, or the machine's memory.</summary>
    public static long Available() => GC.GetGCMemoryInfo(GCKind.Any).TotalAvailableMemoryBytes;
}
