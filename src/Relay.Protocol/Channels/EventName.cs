using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol;

/// <summary>
/// Names of events. Which ones a client may publish is a dialect's rule: <c>context</c> has the closed list of
/// <see cref="IsPublishableInContext"/>, the native dialects take every well-formed name, and the bridges and the server API pass any.
/// </summary>
public static class EventName
{
    /// <summary>Longest name that a native client, the database bridge or the server API may use, in UTF-8 bytes.</summary>
    public const int MaxBytes = 128;

    private static readonly Utf8Interner Names = new(1024);

    // protocols.md, context, "Publishable events".
    private static readonly HashSet<string> ContextEvents = new(StringComparer.Ordinal)
    {
        "task.created", "task.updated", "task.completed", "task.failed",
        "subtask.created", "subtask.updated", "subtask.completed", "subtask.failed",
        "message.new", "message.read", "message.expired",
        "agent.connected", "agent.disconnected", "agent.heartbeat",
        "metric.update", "system.error", "system.info",
    };

    /// <summary>Reads a well-formed name: 1 to 128 bytes of valid UTF-8 without control characters.</summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (utf8.Length is 0 or > MaxBytes || !ChannelName.HasValidText(utf8))
        {
            return false;
        }

        name = Names.Intern(utf8);
        return true;
    }

    /// <summary>True for a name a <c>context</c> client may publish.</summary>
    public static bool IsPublishableInContext(string name) => ContextEvents.Contains(name);

    /// <summary>The name as a shared string, whatever it holds; invalid UTF-8 becomes U+FFFD.</summary>
    public static string Intern(ReadOnlySpan<byte> utf8) => Names.Intern(utf8);
}
