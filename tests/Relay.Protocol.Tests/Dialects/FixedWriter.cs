using System.Buffers;

namespace Relay.Protocol.Tests;

/// <summary>One buffer, written from the start again after <see cref="Reset"/>; allocates nothing.</summary>
internal sealed class FixedWriter(int size) : IBufferWriter<byte>
{
    private readonly byte[] _buffer = new byte[size];
    private int _used;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _used);

    public void Reset() => _used = 0;

    public void Advance(int count) => _used += count;

    public Memory<byte> GetMemory(int sizeHint = 0) => _buffer.AsMemory(_used);

    public Span<byte> GetSpan(int sizeHint = 0) => _buffer.AsSpan(_used);
}
