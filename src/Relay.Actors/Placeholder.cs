namespace Relay.Actors;

internal static class Placeholder;
