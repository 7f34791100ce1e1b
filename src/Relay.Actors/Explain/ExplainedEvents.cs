using Relay.Protocol;

namespace Relay.Actors.Explain;

/// <summary>An event that was accepted.</summary>
/// <param name="Event">With an empty name where only its coming to this node is known, not its acceptance: its channel's owner is gone.</param>
/// <param name="Nodes">Nodes it went to, by name; null = not known.</param>
public sealed record FoundEvent(ExplainedEvent Event, IReadOnlyList<string>? Nodes);

/// <summary>A publish that was not accepted.</summary>
/// <param name="Channel">Where to.</param>
/// <param name="Outcome"><c>duplicate</c>, <c>not_authorized</c>, <c>rejected</c>, <c>unavailable</c>.</param>
/// <param name="Reason">For people.</param>
/// <param name="Publisher">Who; empty when anonymous.</param>
/// <param name="TimeMicros">When it was answered, microseconds since 1970-01-01 UTC.</param>
public sealed record FailedPublish(string Channel, string Outcome, string Reason, string Publisher, long TimeMicros);

/// <summary>What became of an event for one connection.</summary>
/// <param name="Id">Number of the connection.</param>
/// <param name="ClientId">As clients see it.</param>
/// <param name="User">Empty when anonymous.</param>
public sealed record ConnectionVerdict(long Id, string ClientId, string User, DialectKind Kind, Verdict Verdict);

/// <summary>What became of an event on one node.</summary>
/// <param name="Connections">All that are concerned; more than the verdicts where their number was bounded.</param>
public sealed record ExplainedHere(int Connections, IReadOnlyList<ConnectionVerdict> Verdicts);
