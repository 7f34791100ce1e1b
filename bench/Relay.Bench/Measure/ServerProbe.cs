using System.Globalization;

namespace Relay.Bench.Measure;

/// <summary>CPU seconds and resident bytes of the watched processes at one moment.</summary>
internal readonly record struct ServerSample(double CpuSeconds, long ResidentBytes);

/// <summary>Reads CPU time and memory of processes from <c>/proc</c> (Linux). Children are not included. Stateless.</summary>
/// <param name="pids">Process ids; empty = nothing is watched.</param>
internal sealed class ServerProbe(IReadOnlyList<int> pids)
{
    // USER_HZ: 100 on every Linux platform that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>Whether anything is watched.</summary>
    public bool IsActive => pids.Count > 0;

    /// <summary>The sum over all processes; one that is gone counts as nothing.</summary>
    public ServerSample Take()
    {
        var sample = default(ServerSample);
        foreach (var pid in pids)
        {
            if (TryRead(pid, out var one))
            {
                sample = new ServerSample(sample.CpuSeconds + one.CpuSeconds, sample.ResidentBytes + one.ResidentBytes);
            }
        }

        return sample;
    }

    /// <summary>Whether the process is there and may be read.</summary>
    public static bool TryRead(int pid, out ServerSample sample)
    {
        sample = default;
        try
        {
            var text = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");

            // proc(5): the second field is a name in brackets that may itself hold spaces and brackets; behind it stands the third.
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            sample = new ServerSample(ticks / TicksPerSecond, long.Parse(fields[21], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
