using System.Text.Json;

namespace Relay.History;

/// <summary>A history as JSON lines: one object per line, its kind in the member <c>line</c>.</summary>
public static class HistoryFile
{
    private static readonly JsonSerializerOptions Words = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static string Format(HistoryEntry entry) => JsonSerializer.Serialize(entry, Words);

    /// <exception cref="JsonException">Not a line of a history.</exception>
    public static HistoryEntry Parse(string line) => JsonSerializer.Deserialize<HistoryEntry>(line, Words) ?? throw new JsonException("null is no line of a history");

    /// <summary>Reads line by line.</summary>
    /// <exception cref="JsonException">A line cannot be read; the last one of a recorder that was killed may be half there.</exception>
    public static IEnumerable<HistoryEntry> Read(string path) => File.ReadLines(path).Select(Parse);
}
