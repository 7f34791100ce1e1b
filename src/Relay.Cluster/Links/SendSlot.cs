using System.Buffers;
using System.Runtime.CompilerServices;

namespace Relay.Cluster.Links;

/// <summary>One of the places for a frame that the engine has not taken yet. Used again and again, so that waiting for the engine allocates nothing here.</summary>
internal sealed class SendSlot
{
    private readonly LinkPeer _peer;
    private readonly LinkContext _context;
    private readonly Action _completed;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _awaiter;
    private byte[]? _buffer;

    public SendSlot(LinkPeer peer, LinkContext context)
    {
        _peer = peer;
        _context = context;
        _completed = Complete;
    }

    /// <returns>Whether the engine has the frame, or has failed, already. Otherwise <see cref="LinkPeer.Sent"/> is called later.</returns>
    public bool Send(NodeId to, in LinkOutput frame)
    {
        _buffer = frame.Buffer;
        try
        {
#pragma warning disable CA2012 // Consumed once, in Finish; awaiting it would allocate per frame.
            _awaiter = _context.Engine.SendAsync(to, frame.Buffer.AsMemory(0, frame.Length)).ConfigureAwait(false).GetAwaiter();
#pragma warning restore CA2012
        }
        catch (Exception error)
        {
            _context.EngineFailed(error);
            GiveBack();
            return true;
        }

        if (!_awaiter.IsCompleted)
        {
            _awaiter.UnsafeOnCompleted(_completed);
            return false;
        }

        Finish();
        return true;
    }

    private void Complete()
    {
        Finish();
        _peer.Sent(this);
    }

    private void Finish()
    {
        try
        {
            _awaiter.GetResult();
        }
        catch (Exception error)
        {
            _context.EngineFailed(error);
        }

        GiveBack();
    }

    private void GiveBack()
    {
        _awaiter = default;
        ArrayPool<byte>.Shared.Return(_buffer!);
        _buffer = null;
    }
}
