using Relay.Actors.Cluster;
using Relay.Protocol;

namespace Relay.Actors.Channels;

/// <summary>To a channel that is about to go to another node: how it stands now, written in its own turn. It serves on.</summary>
/// <param name="Take">Called in that turn with the channel, its position and its state, which is empty when it holds nothing in memory.</param>
internal sealed record CopyState(Action<string, StreamPosition, byte[]> Take)
{
    [ThreadStatic]
    private static WireWriter? s_written;

    public static void Of(ChannelState state, Action<StreamPosition, byte[]> take)
    {
        var writer = WireWriter.Of(ref s_written);
        StateWire.Write(writer, state.Content());
        take(state.Position, writer.Written.ToArray());
    }
}
