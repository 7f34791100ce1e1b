namespace Relay.Protocol;

/// <summary>
/// Where an event stands in its channel: guarantees.md 1. The offset counts accepted events from 1; the epoch names one life of
/// the counter. Both are needed: after a channel lost its memory the same offsets are given to other events, and only another
/// epoch tells a client that its position means nothing any more.
/// </summary>
public readonly record struct StreamPosition(Epoch Epoch, long Offset);
