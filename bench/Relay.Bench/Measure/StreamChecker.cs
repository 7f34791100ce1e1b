using System.Runtime.InteropServices;

namespace Relay.Bench.Measure;

/// <summary>What one delivery was, judged by its number.</summary>
internal enum DeliveryKind
{
    /// <summary>The next one, or one beyond: those between are missing until they come.</summary>
    InOrder,

    /// <summary>It was missing and comes after a later one.</summary>
    OutOfOrder,

    /// <summary>It was here before.</summary>
    Duplicate,
}

/// <summary>
/// Checks the publishes of one publisher on one channel as one subscriber sees them: each exactly once, in order. Exact however late a delivery
/// comes: the numbers still missing are kept as ranges, so the usual case costs two comparisons and holds no memory. Owned by its subscriber.
/// </summary>
internal sealed class StreamChecker
{
    private List<Range>? _missing;

    /// <summary>Number that should come next.</summary>
    public long Next { get; private set; }

    /// <summary>Distinct publishes received.</summary>
    public long Received { get; private set; }

    /// <summary>Takes delivery <paramref name="number"/>.</summary>
    /// <param name="number">Of the stream, from 0.</param>
    /// <param name="skipped">How many numbers are missing from now on because of it.</param>
    public DeliveryKind Observe(long number, out long skipped)
    {
        skipped = 0;
        if (number >= Next)
        {
            skipped = number - Next;
            if (skipped > 0)
            {
                (_missing ??= []).Add(new Range(Next, number));
            }

            Next = number + 1;
            Received++;
            return DeliveryKind.InOrder;
        }

        if (!TakeMissing(number))
        {
            return DeliveryKind.Duplicate;
        }

        Received++;
        return DeliveryKind.OutOfOrder;
    }

    /// <summary>How many of the first <paramref name="published"/> numbers never came.</summary>
    public long MissingOf(long published)
    {
        var missing = Math.Max(0, published - Next);
        foreach (var range in _missing ?? [])
        {
            missing += range.To - range.From;
        }

        return missing;
    }

    private bool TakeMissing(long number)
    {
        var index = (_missing ?? []).FindIndex(range => number >= range.From && number < range.To);
        if (index < 0)
        {
            return false;
        }

        ref var range = ref CollectionsMarshal.AsSpan(_missing)[index];
        var rest = new Range(number + 1, range.To);
        range = range with { To = number };
        var before = range;
        if (rest.From < rest.To)
        {
            _missing!.Insert(index + 1, rest);
        }

        if (before.From == before.To)
        {
            _missing!.RemoveAt(index);
        }

        return true;
    }

    /// <summary>Numbers from <see cref="From"/> up to but without <see cref="To"/>.</summary>
    private readonly record struct Range(long From, long To);
}
