using System.Runtime.InteropServices;
using Relay.Actors.Metrics;

namespace Relay.Actors.Cluster;

/// <summary>Key figures between nodes: counts (counter, time, amount), then notes (kind, id, status, time).</summary>
internal static class FigureWire
{
    public static void Write(WireWriter writer, ReadOnlySpan<FigureCount> counts, ReadOnlySpan<FigureNote> notes)
    {
        writer.Count(counts.Length);
        foreach (ref readonly var count in counts)
        {
            writer.Byte((byte)count.Counter).Number(count.AtMicros).Number(count.Amount);
        }

        writer.Count(notes.Length);
        foreach (ref readonly var note in notes)
        {
            writer.Byte((byte)note.Kind).TextOrNull(note.Id).TextOrNull(note.Status).Number(note.AtMicros);
        }
    }

    public static void Write(WireWriter writer, FigureReport report) => Write(writer, CollectionsMarshal.AsSpan(report.Counts), CollectionsMarshal.AsSpan(report.Notes));

    public static FigureReport Read(ref WireReader reader)
    {
        var counts = new List<FigureCount>();
        for (var left = reader.CountOf(3); left > 0; left--)
        {
            counts.Add(new FigureCount((FigureCounter)reader.Byte(), reader.Number(), reader.Number()));
        }

        var notes = new List<FigureNote>();
        for (var left = reader.CountOf(4); left > 0; left--)
        {
            var note = new FigureNote((FigureKind)reader.Byte(), reader.TextOrNull(), reader.TextOrNull(), reader.Number());
            if (note.Id is not null || note.Kind is not (FigureKind.AgentConnected or FigureKind.AgentDisconnected))
            {
                notes.Add(note);
            }
        }

        return new FigureReport(counts, notes);
    }
}
