using System.Buffers;

namespace Relay.Protocol.Tests;

/// <summary>Gives every caller exactly the room it asked for and not a byte more, which a pooled buffer would hide.</summary>
internal sealed class TightWriter : IBufferWriter<byte>
{
    private readonly List<byte> _written = [];
    private byte[] _lent = [];

    public byte[] Written => [.. _written];

    public void Advance(int count) => _written.AddRange(_lent.AsSpan(0, count));

    public Memory<byte> GetMemory(int sizeHint = 0) => _lent = new byte[Math.Max(sizeHint, 1)];

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
