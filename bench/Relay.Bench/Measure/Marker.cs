using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Relay.Bench.Measure;

/// <summary>
/// The mark every payload carries: <c>~rRRRRRRRR.NNNNNNNNNNNN.TTTTTTTTTTTTTTTTTTT</c>, 43 ASCII bytes: the run (8 hex digits), the number of the publish
/// (12 digits), its intended send time on the generator's monotonic clock (19 digits, ns). Relays pass payload bytes through unchanged, so the
/// receiver finds it whatever envelope stands around it. Immutable.
/// </summary>
internal sealed class Marker
{
    /// <summary>Bytes of a mark.</summary>
    public const int Length = PrefixLength + NumberDigits + 1 + TimeDigits;

    private const int PrefixLength = 2 + 8 + 1;
    private const int NumberDigits = 12;
    private const int TimeDigits = 19;

    private readonly byte[] _prefix;

    /// <param name="run">Tells the publishes of this run from leftovers of others.</param>
    public Marker(uint run)
    {
        Run = run.ToString("x8", CultureInfo.InvariantCulture);
        _prefix = Encoding.ASCII.GetBytes("~r" + Run + ".");
    }

    /// <summary>Eight hex digits.</summary>
    public string Run { get; }

    /// <summary>Writes the mark of publish <paramref name="number"/>.</summary>
    /// <param name="destination">At least <see cref="Length"/> bytes.</param>
    /// <param name="number">From 0.</param>
    /// <param name="intended">Nanoseconds of the generator's clock.</param>
    public void Write(Span<byte> destination, long number, long intended)
    {
        _prefix.CopyTo(destination);
        WriteDigits(destination.Slice(PrefixLength, NumberDigits), number);
        destination[PrefixLength + NumberDigits] = (byte)'.';
        WriteDigits(destination.Slice(PrefixLength + NumberDigits + 1, TimeDigits), intended);
    }

    /// <summary>Finds this run's mark in a payload.</summary>
    public bool TryFind(ReadOnlySpan<byte> payload, out long number, out long intended)
    {
        number = 0;
        intended = 0;
        var at = payload.IndexOf(_prefix);
        if (at < 0 || payload.Length - at < Length)
        {
            return false;
        }

        var mark = payload.Slice(at + PrefixLength, Length - PrefixLength);
        return Utf8Parser.TryParse(mark[..NumberDigits], out number, out var digits)
            && digits == NumberDigits
            && mark[NumberDigits] == (byte)'.'
            && Utf8Parser.TryParse(mark[(NumberDigits + 1)..], out intended, out digits)
            && digits == TimeDigits;
    }

    private static void WriteDigits(Span<byte> destination, long value)
    {
        for (var i = destination.Length - 1; i >= 0; i--)
        {
            (value, var digit) = Math.DivRem(value, 10);
            destination[i] = (byte)('0' + digit);
        }
    }
}
