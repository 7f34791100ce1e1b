using System.Numerics;

namespace Relay.Kernel.Measuring;

/// <summary>
/// A few counters that are raised together on hot paths, by any thread: each processor has cells of its own, so that raising one costs some nanoseconds however many threads do. Reading
/// sums the cells. (An instrument's own Add passes every listener, some fifty nanoseconds.)
/// </summary>
public sealed class StripedCounters
{
    /// <summary>Two cache lines of 64 bytes: processors fetch lines in pairs.</summary>
    private const int LinePair = 16;

    private const int MostStripes = 32;

    private static readonly int Stripes = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(Environment.ProcessorCount, MostStripes));

    private readonly long[] _cells;
    private readonly int _stride;

    /// <param name="count">Counters.</param>
    public StripedCounters(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        _stride = (count + LinePair - 1) / LinePair * LinePair;
        _cells = new long[_stride * Stripes];
    }

    /// <summary>Raises the counter at <paramref name="index"/>.</summary>
    public void Add(int index, long value) =>
        Interlocked.Add(ref _cells[((Thread.GetCurrentProcessorId() & (Stripes - 1)) * _stride) + index], value);

    /// <summary>The counter at <paramref name="index"/>, as of some moment during the call.</summary>
    public long Sum(int index)
    {
        long sum = 0;
        for (var cell = index; cell < _cells.Length; cell += _stride)
        {
            sum += Interlocked.Read(ref _cells[cell]);
        }

        return sum;
    }
}
