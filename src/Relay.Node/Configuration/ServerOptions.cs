using System.Globalization;

namespace Relay.Node.Configuration;

/// <summary>How the program uses its machine.</summary>
public sealed record ServerOptions
{
    private static readonly ValueKind<int?> LoopCount = new("auto, off, number", "auto", ParseLoops, FormatLoops);

    /// <summary>Threads that serve plain listeners and run the actors; null = one per processor, 0 = none: the thread pool does it.</summary>
    public int? EventLoops { get; init; }

    internal static ServerOptions Read(SettingReader reader) => new()
    {
        EventLoops = reader.Read("Server:EventLoops", LoopCount, null, "Threads that serve plain listeners and run the actors, on Linux: auto = one per processor; off = Kestrel's sockets and the thread pool do it, as everywhere else."),
    };

    private static string? ParseLoops(string text, out int? value)
    {
        value = null;
        switch (text.Trim())
        {
            case "auto":
                return null;
            case "off":
                value = 0;
                return null;
            case var number when int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= 256:
                value = count;
                return null;
            default:
                return "neither auto nor off nor a whole number from 1 to 256";
        }
    }

    private static string FormatLoops(int? value) => value switch
    {
        null => "auto",
        0 => "off",
        var count => count.Value.ToString(CultureInfo.InvariantCulture),
    };
}
