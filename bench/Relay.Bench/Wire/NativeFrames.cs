using System.Text;

namespace Relay.Bench.Wire;

/// <summary>What is told from a native frame without parsing it. Pure code.</summary>
internal static class NativeFrames
{
    private const int MaxIdMember = 64;

    /// <summary>The member of an event that names its channel.</summary>
    /// <param name="quotedName">The channel as a JSON string.</param>
    public static byte[] ChannelMember(string quotedName) => Encoding.UTF8.GetBytes($"\"channel\":{quotedName},");

    /// <summary>
    /// Whether a frame is an event of a channel. Native events begin <c>{"id":"msg_…","channel":"…",</c>; a subscriber is on <c>global</c> as well, whose positions
    /// are not its channel's.
    /// </summary>
    public static bool IsEventOf(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> channelMember) =>
        frame.StartsWith("{\"id\":\""u8) && frame[..Math.Min(frame.Length, MaxIdMember + channelMember.Length)].IndexOf(channelMember) > 0;

    /// <summary>Whether a frame answers the request of this id.</summary>
    public static bool IsAnswerTo(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> idMember) => frame.StartsWith("{\"type\":\"ack\""u8) && frame.IndexOf(idMember) > 0;
}
