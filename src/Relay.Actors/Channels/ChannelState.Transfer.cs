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

/// <summary>What has come to a channel in memory since it was copied.</summary>
/// <param name="Content">Behind that place only.</param>
/// <param name="History">How many events are kept now, those from before among them: what is more at the copy's end was dropped meanwhile.</param>
/// <param name="Known">The same of the publish ids.</param>
/// <param name="LastValues">The same of the keys.</param>
internal sealed record ChannelAddition(ChannelContent Content, int History, int Known, int LastValues);

/// <content>How a channel in memory changes its owner.</content>
public sealed partial class ChannelState
{
    /// <summary>Takes over what another owner of the channel had.</summary>
    internal ChannelState(string channel, NamespaceSettings settings, ChannelContent content)
        : this(channel, content.Position.Epoch, settings) => Take(content);

    /// <summary>What another owner needs to go on.</summary>
    internal ChannelContent Content() => ContentAfter(0);

    /// <summary>What another owner needs to go on that has what was there at <paramref name="position"/>; null when that is not enough any more.</summary>
    internal ChannelAddition? ContentAfter(StreamPosition position) =>
        position.Epoch == Epoch && position.Offset <= ShownOffset && ShownOffset - position.Offset <= _history.Count
            ? new ChannelAddition(ContentAfter(position.Offset), _history.Count, _known.Count, KeptKeys)
            : null;

    /// <summary>Goes on from what was there earlier to what <see cref="ContentAfter(StreamPosition)"/> says of that place.</summary>
    /// <exception cref="InvalidDataException">It does not begin there.</exception>
    internal void Continue(ChannelAddition addition)
    {
        ArgumentNullException.ThrowIfNull(addition);
        var content = addition.Content;
        if (content.Position.Epoch != Epoch || content.Position.Offset - content.History.Count != ShownOffset)
        {
            throw new InvalidDataException($"What follows does not begin at {Position}");
        }

        // What was dropped there before the new came in is dropped here before it comes in.
        _history.KeepNewest(addition.History - content.History.Count);
        _known.KeepNewest(addition.Known - content.Known.Count);
        Take(content);
        _keyed?.KeepNewest(addition.LastValues);
    }

    private ChannelContent ContentAfter(long offset) => new(
        Position,
        _transients,
        _history.DroppedMicros,
        _history.After(offset, int.MaxValue, long.MinValue),
        [.. _known.After(offset)],
        _keyed?.After(offset, int.MaxValue, long.MinValue) ?? []);

    private void Take(ChannelContent content)
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
}
