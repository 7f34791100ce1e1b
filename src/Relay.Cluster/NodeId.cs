using System.Buffers;
using System.Globalization;

namespace Relay.Cluster;

/// <summary>One run of one node.</summary>
/// <param name="Name">Configured or drawn, unique in the cluster; 1 to 64 characters, neither blank nor <c>#</c>.</param>
/// <param name="Incarnation">Random, drawn at every start: what an earlier run of the node held is not this run's.</param>
public readonly record struct NodeId(string Name, ulong Incarnation)
{
    private const int Digits = 16;
    private const int MaxName = 64;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    /// <summary>A name that <see cref="TryParse"/> reads again.</summary>
    public static bool IsName(string? name) =>
        name is { Length: > 0 and <= MaxName } && !name.AsSpan().ContainsAnyInRange('\0', ' ') && !name.Contains('#', StringComparison.Ordinal);

    /// <summary>Reads <c>name#hex16</c>, the form that <see cref="ToString"/> writes; nothing else is taken.</summary>
    public static bool TryParse(string? text, out NodeId node)
    {
        node = default;
        if (text is null || text.Length < Digits + 2 || text[^(Digits + 1)] != '#')
        {
            return false;
        }

        var name = text[..^(Digits + 1)];
        var hex = text.AsSpan()[^Digits..];
        if (!IsName(name) || hex.ContainsAnyExcept(HexDigits)
            || !ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var incarnation))
        {
            return false;
        }

        node = new NodeId(name, incarnation);
        return true;
    }

    /// <returns><c>name#hex16</c>, lower case.</returns>
    public override string ToString() => $"{Name}#{Incarnation:x16}";
}
