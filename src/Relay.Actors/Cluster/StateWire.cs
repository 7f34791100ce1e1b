using Relay.Actors.Channels;
using Relay.Kernel.Persistence;

namespace Relay.Actors.Cluster;

/// <summary>A channel in memory on its way to another node.</summary>
internal static class StateWire
{
    public static void Write(WireWriter writer, ChannelContent content)
    {
        writer.Position(content.Position).Number(content.Transients).Number(content.DroppedMicros);
        EventWire.Write(writer, content.History.ToArray());
        writer.Count(content.Known.Count);
        foreach (var id in content.Known)
        {
            writer.Text(id.Scope).Text(id.Id).Number(id.Offset).Number(id.TimeMicros);
        }

        EventWire.Write(writer, content.LastValues.ToArray());
    }

    public static void Write(WireWriter writer, ChannelAddition addition)
    {
        writer.Count(addition.History).Count(addition.Known).Count(addition.LastValues);
        Write(writer, addition.Content);
    }

    public static ChannelAddition ReadAddition(ref WireReader reader, string channel)
    {
        var (history, known, values) = (reader.Count(), reader.Count(), reader.Count());
        return new ChannelAddition(Read(ref reader, channel), history, known, values);
    }

    public static ChannelContent Read(ref WireReader reader, string channel)
    {
        var (position, transients, dropped) = (reader.Position(), reader.Number(), reader.Number());
        var history = EventWire.ReadAll(ref reader, channel);
        var known = new KnownId[reader.CountOf(4)];
        for (var i = 0; i < known.Length; i++)
        {
            known[i] = new KnownId(reader.Text(), reader.Text(), reader.Number(), reader.Number());
        }

        var values = EventWire.ReadAll(ref reader, channel);

        // A history is found by counting back from its newest event.
        for (var i = 0; i < history.Length; i++)
        {
            if (history[i].Position != position with { Offset = position.Offset - (history.Length - 1 - i) } || history[i].IsTransient)
            {
                throw WireReader.Malformed();
            }
        }

        return Array.TrueForAll(values, static value => value.Key is not null) ? new ChannelContent(position, transients, dropped, history, known, values) : throw WireReader.Malformed();
    }
}
