using System.Buffers;

namespace Relay.Node.WebSockets;

/// <summary>
/// Hosts by which this node may be asked. A page that reaches the node under a name of its own (DNS rebinding) is of the same origin as the node, so that the
/// <see cref="OriginPolicy"/> alone would let it pass; its <c>Host</c> tells. Pure and immutable.
/// </summary>
/// <param name="hosts">Names, <c>*.name</c>, or addresses, each with or without <c>:port</c>; none = any.</param>
public sealed class HostPolicy(IReadOnlyList<string> hosts)
{
    /// <summary>For the client.</summary>
    public const string Refusal = "Host not allowed";

    private static readonly SearchValues<char> NotInHost = SearchValues.Create(" /\\@?#,\"<>\t");

    /// <summary>Whether a text can be one of the hosts.</summary>
    public static bool IsValid(string text) =>
        text.Length is > 0 and <= 255 && !text.AsSpan().ContainsAny(NotInHost) && !text.Contains("://", StringComparison.Ordinal)
        && (!text.Contains('*', StringComparison.Ordinal) || (text.StartsWith("*.", StringComparison.Ordinal) && text.Length > 2 && text.LastIndexOf('*') == 0));

    /// <summary>Whether a request may pass. Case and a missing port do not matter.</summary>
    /// <param name="host">Value of <c>Host</c> or <c>:authority</c>.</param>
    public bool Allows(string? host)
    {
        if (hosts.Count == 0)
        {
            return true;
        }

        if (string.IsNullOrEmpty(host))
        {
            return false;
        }

        var name = host.AsSpan(0, EndOfName(host));
        foreach (var allowed in hosts)
        {
            // With a port: that one only.
            var asked = EndOfName(allowed) < allowed.Length ? host : name;
            if (allowed.StartsWith("*.", StringComparison.Ordinal)
                ? asked.Length > allowed.Length - 1 && asked.EndsWith(allowed.AsSpan(1), StringComparison.OrdinalIgnoreCase)
                : asked.Equals(allowed, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static int EndOfName(ReadOnlySpan<char> host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host.EndsWith("]", StringComparison.Ordinal) ? host.Length : colon;
    }
}
