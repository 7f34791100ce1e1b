namespace Relay.Storage;

internal static class Placeholder;
