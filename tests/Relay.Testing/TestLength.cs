using System.Globalization;

namespace Relay.Testing;

/// <summary>
/// How long the tests of chance run, those that kill, cut and fail at random moments: short in every run, long with <c>./test.sh --long</c>, or a part of that
/// with <c>--long=20</c>, per cent. Handed over in the variable <c>RELAY_LONG</c>.
/// </summary>
public static class TestLength
{
    private static readonly int Percent =
        Environment.GetEnvironmentVariable("RELAY_LONG") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 0;

    public static bool IsLong => Percent > 0;

    /// <summary>A number of faults: so many in every run, so many in a long one.</summary>
    public static int Of(int quick, int atLength) => IsLong ? Math.Max(1, atLength * Percent / 100) : quick;
}
