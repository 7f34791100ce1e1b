namespace Relay.Redis;

internal static class Placeholder;
