using System.Buffers;

namespace Relay.Redis.Resp;

/// <summary>A reply that lies across buffer segments, copied into one rented array while it is looked at.</summary>
internal readonly ref struct ContiguousFrame
{
    private readonly byte[] _rented;
    private readonly int _length;

    private ContiguousFrame(byte[] rented, int length)
    {
        _rented = rented;
        _length = length;
    }

    public ReadOnlySpan<byte> Span => _rented.AsSpan(0, _length);

    public static ContiguousFrame Of(in ReadOnlySequence<byte> frame)
    {
        var length = checked((int)frame.Length);
        var rented = ArrayPool<byte>.Shared.Rent(length);
        frame.CopyTo(rented);
        return new ContiguousFrame(rented, length);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_rented);
}
