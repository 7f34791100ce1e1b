using Relay.Actors.Connections;
using Relay.Protocol.WebSockets;

namespace Relay.Node.WebSockets;

/// <summary>From received bytes to calls of the client's handler.</summary>
internal static class FrameDelivery
{
    /// <summary>
    /// Gives all complete messages to the handler; once the transport is finishing they are only looked at for the peer's close frame. False after goodbye: the
    /// peer's close frame, or a broken rule.
    /// </summary>
    public static bool Deliver(ReadOnlySpan<byte> bytes, FrameReader frames, IMessageHandler handler, ClientTransport transport)
    {
        while (true)
        {
            var status = frames.Read(bytes, out var consumed, out var message);
            bytes = bytes[consumed..];
            if (status == FrameStatus.NeedMoreData)
            {
                return true;
            }

            if (status == FrameStatus.Ended)
            {
                return false;
            }

            var deaf = transport.IsFinishing;
            if (status == FrameStatus.ProtocolError)
            {
                if (!deaf)
                {
                    handler.OnProtocolError(frames.Error.Code, frames.Error.Reason);
                }

                return false;
            }

            if (!deaf)
            {
                Dispatch(message, handler);
            }

            if (message.Kind == MessageKind.Close)
            {
                return false;
            }
        }
    }

    private static void Dispatch(in WebSocketMessage message, IMessageHandler handler)
    {
        switch (message.Kind)
        {
            case MessageKind.Text:
            case MessageKind.Binary:
                handler.OnMessage(message.Span, message.Kind == MessageKind.Binary);
                break;
            case MessageKind.Ping:
                handler.OnPing(message.Span);
                break;
            case MessageKind.Close:
                handler.OnCloseReceived(message.CloseCode, message.Text);
                break;
            default:
                // A pong: that something was received is all it says, and OnReadCompletedAsync tells that.
                break;
        }
    }
}
