using System.Globalization;
using Relay.Cluster;
using Relay.Cluster.Engine;

namespace Relay.Redis.Cluster;

/// <summary>The texts in a cluster's state: <c>beat state load version address</c> of a member, the last two percent-encoded; numbers; node ids.</summary>
internal static class ClusterText
{
    public static string Word(MemberState state) => state switch
    {
        MemberState.Joining => "joining",
        MemberState.Up => "up",
        MemberState.Leaving => "leaving",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, message: null),
    };

    public static string Facts(Heartbeat beat) =>
        string.Create(CultureInfo.InvariantCulture, $"{beat.Load} {Uri.EscapeDataString(beat.ProgramVersion)} {Uri.EscapeDataString(beat.Address)}");

    /// <exception cref="RedisException">Kind Protocol.</exception>
    public static Member Member(string node, string text)
    {
        var parts = text.Split(' ');
        if (parts.Length < 5)
            throw Strange(text);
        return new Member(Node(node), Number(parts[0]), State(parts[1]), Uri.UnescapeDataString(parts[3]), Uri.UnescapeDataString(parts[4]), (int)Number(parts[2]));
    }

    /// <exception cref="RedisException">Kind Protocol.</exception>
    public static NodeId Node(string text) => NodeId.TryParse(text, out var node) ? node : throw Strange(text);

    /// <exception cref="RedisException">Kind Protocol.</exception>
    public static long Number(ReadOnlySpan<char> text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Strange(text.ToString());

    private static MemberState State(string word) => word switch
    {
        "joining" => MemberState.Joining,
        "up" => MemberState.Up,
        "leaving" => MemberState.Leaving,
        _ => throw Strange(word),
    };

    public static RedisException Strange(string text) => RedisException.Protocol($"the cluster's state holds '{text}', which this version does not understand");
}
