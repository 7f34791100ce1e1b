using System.Globalization;

namespace Relay.Actors.Limits;

/// <summary>What the process uses of the memory it may use.</summary>
public static class ProcessMemory
{
    // Version 2 and 1 of Linux' control groups.
    private static readonly string[] Containers = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    private static readonly long Limit = ReadLimit();

    /// <summary>
    /// What is resident, less what the garbage collector holds in reserve: that is used before anything new is asked for. What is garbage but not collected yet counts. Where the collector has
    /// a bound of its own (<c>DOTNET_GCHeapHardLimit</c>, three quarters of a container's by default), beyond which the process ends, what is alive in its heap counts by its share of that if it is the larger.
    /// </summary>
    public static long Used()
    {
        var collector = GC.GetGCMemoryInfo(GCKind.Any);
        var resident = Environment.WorkingSet;
        var outside = Math.Max(0, resident - collector.TotalCommittedBytes);
        var used = Math.Min(resident, outside + GC.GetTotalMemory(forceFullCollection: false));
        var bound = collector.TotalAvailableMemoryBytes;
        return bound >= Limit ? used : Math.Max(used, (long)((double)Alive() / bound * Limit));
    }

    // At the last look at the whole heap. Between two of them it fills up with garbage to its bound, which says nothing.
    private static long Alive()
    {
        var (blocking, background) = (GC.GetGCMemoryInfo(GCKind.FullBlocking), GC.GetGCMemoryInfo(GCKind.Background));
        var newest = blocking.Index > background.Index ? blocking : background;
        return newest.HeapSizeBytes - newest.FragmentedBytes;
    }

    /// <summary>The limit of the container, or the machine's memory.</summary>
    public static long Available() => Limit;

    // The collector's own word is its bound where it has one: of the heap, not of the process.
    private static long ReadLimit()
    {
        var known = Containers.Select(NumberIn).Append(Machine()).Where(static bytes => bytes > 0).ToList();
        return Math.Max(known.Count > 0 ? known.Min() : 0, GC.GetGCMemoryInfo(GCKind.Any).TotalAvailableMemoryBytes);
    }

    private static long NumberIn(string file)
    {
        try
        {
            return long.TryParse(File.ReadAllText(file), NumberStyles.Integer, CultureInfo.InvariantCulture, out var bytes) ? bytes : 0;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static long Machine()
    {
        try
        {
            var total = File.ReadLines("/proc/meminfo").FirstOrDefault(static line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
            return total is not null && long.TryParse(total[9..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.Integer, CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes * 1024 : 0;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
