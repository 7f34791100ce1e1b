namespace Relay.Kernel;

internal static class Placeholder;
