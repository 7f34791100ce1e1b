using System.Net;
using Relay.Node.Proxies;
using Relay.Protocol.Handshake;
using Relay.Protocol.WebSockets;

namespace Relay.Node.Loops;

/// <content>The request head: an upgrade, a refusal, or somebody else's.</content>
internal sealed partial class LoopConnection
{
    private static readonly HandshakeRefusal TooSlow = new(408, "Request head not received in time");

    private void ExpireHead()
    {
        Volatile.Write(ref _headExpired, true);
        Wake();
    }

    private void ReadHead()
    {
        if (IsOver)
        {
            Close();
            return;
        }

        if (_refusal is { } refusal)
        {
            Refuse(refusal);
            return;
        }

        if (TakeReadable(out var hangup))
        {
            var received = Receive(LibC.MSG_PEEK, out var error);
            if (received > 0)
            {
                Look(Scratch.AsSpan(0, received), hangup);
                return;
            }

            if (error != LibC.EAGAIN)
            {
                // The peer left before it said anything.
                Close();
                return;
            }
        }

        if (Volatile.Read(ref _headExpired))
        {
            Refuse(TooSlow);
        }
    }

    private void Look(ReadOnlySpan<byte> bytes, bool hangup)
    {
        if (_expectsProxy && !TryTakeProxy(ref bytes, hangup))
        {
            return;
        }

        var parser = new UpgradeRequestParser(Server.Options.Handshake);
        switch (parser.Parse(bytes, out var request, out var refusal))
        {
            case UpgradeStatus.Upgrade:
                Consume(request!.HeadLength);
                if (bytes.Length > request.HeadLength || hangup)
                {
                    // No event tells of what was there already.
                    Interlocked.Or(ref _events, LibC.EPOLLIN | (hangup ? Hangup : 0));
                }

                Upgrade(request);
                break;
            case UpgradeStatus.Refuse:
                Refuse(refusal!);
                break;
            case UpgradeStatus.NotAnUpgrade:
                HandOver();
                break;
            case UpgradeStatus.NeedMoreData when hangup:
                Close();
                break;
            case UpgradeStatus.NeedMoreData when Volatile.Read(ref _headExpired):
                Refuse(TooSlow);
                break;
        }
    }

    /// <summary>True when the proxy has said who the client is, and the client something as well.</summary>
    private bool TryTakeProxy(ref ReadOnlySpan<byte> bytes, bool hangup)
    {
        var status = IPEndPoint.TryParse(_remote, out var peer) && Server.Options.Proxies.Trusts(peer.Address)
            ? ProxyHeader.Parse(bytes, out var length, out var source)
            : NoProxy(out length, out source);
        switch (status)
        {
            case ProxyHeaderStatus.Complete:
                _expectsProxy = false;
                _source = source;
                _remote = source?.ToString() ?? _remote;

                // This writes the same bytes to where they are already.
                Consume(length);
                bytes = bytes[length..];
                if (bytes.IsEmpty && hangup)
                {
                    Close();
                }

                return !bytes.IsEmpty;
            case ProxyHeaderStatus.NeedMoreData when !hangup && !Volatile.Read(ref _headExpired):
                return false;
            default:
                Server.Refused(_listener.Identity, ProxyMiddleware.NoHeader);
                _listener.LogNoProxy(_remote);
                Abort();
                Close();
                return false;
        }
    }

    private static ProxyHeaderStatus NoProxy(out int length, out IPEndPoint? source)
    {
        (length, source) = (0, null);
        return ProxyHeaderStatus.Invalid;
    }

    private void Upgrade(UpgradeRequest request)
    {
        StopTimer();
        var admission = Server.Door.Decide(request, _listener.Identity, _remote, out var refusal);
        if (admission is null)
        {
            Refuse(refusal!);
            return;
        }

        using (var response = new FrameBuffer(512))
        {
            HandshakeResponse.WriteAccept(response, request, admission.Answer);

            // Nothing was sent before: what does not fit into an empty socket never will.
            if (TrySend(response.WrittenSpan) != response.Length)
            {
                admission.Request?.Lease?.Dispose();
                Close();
                return;
            }
        }

        if (!Server.TryOpen(admission, _listener.Identity, this, "tcp", out _client))
        {
            Abort();
            Close();
            return;
        }

        _phase = Phase.Client;
        ReadFrames();
    }

    /// <summary>Answers, says that nothing follows, and waits until the peer has read it (reliability.md, finding 8).</summary>
    private void Refuse(HandshakeRefusal refusal)
    {
        StopTimer();
        Server.Refused(_listener.Identity, refusal);
        using (var response = new FrameBuffer(512))
        {
            HandshakeResponse.WriteRefusal(response, refusal);
            TrySend(response.WrittenSpan);
        }

        _phase = Phase.Draining;
        Interlocked.Or(ref _events, LibC.EPOLLIN);
        Finish(Server.Options.RefusalLinger);
    }

    private void HandOver()
    {
        StopTimer();
        ReleaseHold();
        _phase = Phase.Gone;
        _loop.Forget(_socket.Number);
        _listener.Loops.TrySet(_socket.Number, null);
        _listener.HandOver(_socket.Number, _source);
    }

    private void Drain()
    {
        for (var reads = 0; !IsOver; reads++)
        {
            if (!TakeReadable(out var hangup))
            {
                return;
            }

            var received = Receive(0, out var error);
            if (received == 0 || (received < 0 && error != LibC.EAGAIN))
            {
                break;
            }

            if (received == EventLoop.ScratchBytes || (received > 0 && hangup))
            {
                Interlocked.Or(ref _events, LibC.EPOLLIN | (hangup ? Hangup : 0));
            }

            if (reads == ReadsPerTurn)
            {
                Wake();
                return;
            }
        }

        Close();
    }

    private unsafe void Consume(int bytes)
    {
        fixed (byte* scratch = Scratch)
        {
            // They were peeked at a moment ago, and nobody else reads.
            _ = LibC.Receive(_socket.Number, scratch, bytes, LibC.MSG_DONTWAIT);
        }
    }
}
