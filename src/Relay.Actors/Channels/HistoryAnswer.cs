using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>What a channel answers to a <see cref="HistoryQuery"/>. Pure code over <see cref="ChannelState"/>.</summary>
internal static class HistoryAnswer
{
    public static HistoryReply Of(HistoryQuery query, ChannelState state, long nowMicros)
    {
        if (query.Page is { } bounds)
        {
            return PageOf(query, bounds, state, nowMicros);
        }

        var complete = true;
        List<Publication> events;
        if (query.LastPerKey)
        {
            complete = query.After is not { } seen || seen.Epoch == state.Epoch;
            var after = complete ? query.After?.Offset ?? 0 : 0;
            events = query.Key is { } key ? state.LastOf(key, after, nowMicros) : state.LastPerKey(after, query.Limit, nowMicros);
        }
        else if (query.FromMicros is { } from)
        {
            complete = state.TryReplay(from, query.Limit, nowMicros, out events);
        }
        else if (query.After is { } behind)
        {
            complete = query.IsPage
                ? state.TryRange(behind, query.Until ?? state.ShownOffset, query.Limit, nowMicros, out events)
                : state.TryResume(behind, query.Limit, nowMicros, out events);
            if (behind.Epoch != state.Epoch && query.Until is null)
            {
                events = state.Last(query.Limit, nowMicros);
            }
            else if (!complete && !query.IsPage)
            {
                events = state.After(behind.Offset, query.Limit, nowMicros);
            }
        }
        else
        {
            events = query.Names is { } names
                ? state.Last(query.Limit, name => names.Contains(name, StringComparer.Ordinal), nowMicros)
                : state.Last(query.Limit, nowMicros);
        }

        return new HistoryReply(query, state.Position, complete, events);
    }

    private static HistoryReply PageOf(HistoryQuery query, PageBounds bounds, ChannelState state, long nowMicros)
    {
        var (start, complete) = state.Begin(query, nowMicros);
        if (query.LastPerKey && (query.Resume is null || !complete))
        {
            // Values stand for all that was before them: whatever number of keys there is, they are one answer.
            return new HistoryReply(query, state.Position, complete, state.LastPerKey(0, query.Limit, nowMicros)) { Start = state.Position, Reached = state.Position };
        }

        var events = state.Page(start, bounds, nowMicros, out var reached);
        return new HistoryReply(query, state.Position, complete, events)
        {
            Start = new StreamPosition(state.Epoch, start),
            Reached = new StreamPosition(state.Epoch, reached),
        };
    }
}
