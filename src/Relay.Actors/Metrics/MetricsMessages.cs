using Relay.Protocol;

namespace Relay.Actors.Metrics;

/// <summary>Events one channel accepted, for the key figures. An event that went to several channels is in it once.</summary>
public sealed record EventsPassed(Publication[] Events);
