using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>All that a channel in memory is, on its way to another owner.</summary>
/// <param name="Position">Epoch, and the last offset given.</param>
/// <param name="Transients">Transient events so far.</param>
/// <param name="DroppedMicros">Nothing younger was ever dropped from the history.</param>
/// <param name="History">Oldest first, those that expired among them.</param>
/// <param name="Known">Publish ids, oldest first.</param>
/// <param name="LastValues">The newest event of each key, oldest first.</param>
internal sealed record ChannelContent(
    StreamPosition Position, long Transients, long DroppedMicros, IReadOnlyList<Publication> History, IReadOnlyList<KnownId> Known, IReadOnlyList<Publication> LastValues);

/// <content>How a channel in memory changes its owner.</content>
public sealed partial class ChannelState
{
    /// <summary>Takes over what another owner of the channel had.</summary>
    internal ChannelState(string channel, NamespaceSettings settings, ChannelContent content)
        : this(channel, content.Position.Epoch, settings)
    {
        Offset = content.Position.Offset;
        ShownOffset = Offset;
        _transients = content.Transients;
        foreach (var publication in content.History)
        {
            _history.Add(publication);
        }

        foreach (var id in content.Known)
        {
            _known.TryAdd(id.Scope, id.Id, id.Offset, id.TimeMicros, out _);
        }

        foreach (var value in content.LastValues)
        {
            Keep(value);
        }

        _history.DroppedMicros = content.DroppedMicros;
    }

    /// <summary>What another owner needs to go on.</summary>
    internal ChannelContent Content() => new(
        Position,
        _transients,
        _history.DroppedMicros,
        _history.After(0, int.MaxValue, long.MinValue),
        [.. _known.All()],
        _keyed?.After(0, int.MaxValue, long.MinValue) ?? []);
}
