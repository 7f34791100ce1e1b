using System.Buffers;

namespace Relay.Redis.Connections;

/// <summary>
/// Bytes that were received and not taken yet, in one piece. Grows by doubling when an unfinished reply fills it, so memory follows what has arrived and not what a reply
/// announces; a block that was larger is given back when its reply was taken. Owned by one reader.
/// </summary>
/// <remarks>One piece costs a copy of an unfinished reply's beginning per doubling; chained blocks would cost every reply the walk over segments.</remarks>
internal sealed class ReceiveBuffer : IDisposable
{
    private const int Usual = 64 * 1024;

    // So that the tail of a block is not read by drops; and the largest read of small messages: some 100 of them, which keep the reading thread for some 100 us.
    private const int Least = 16 * 1024;

    private byte[] _block = ArrayPool<byte>.Shared.Rent(Usual);
    private int _start;
    private int _end;

    /// <summary>What is there.</summary>
    public ReadOnlyMemory<byte> Received => _block.AsMemory(_start, _end - _start);

    /// <summary>Room for the next read: 16 KiB, or as much as an unfinished reply has brought so far, about.</summary>
    /// <exception cref="OutOfMemoryException">An unfinished reply fills 1 GiB, which its limit should not allow.</exception>
    public Span<byte> Room()
    {
        if (_block.Length - _end < Least)
        {
            var length = _end - _start;
            if (_block.Length - length >= Math.Max(Least, _block.Length / 2))
                _block.AsSpan(_start, length).CopyTo(_block);
            else
                MoveTo(checked(_block.Length * 2));
            _start = 0;
            _end = length;
        }

        return _block.AsSpan(_end, Math.Min(_block.Length - _end, Math.Max(Least, _end - _start)));
    }

    /// <summary>So many bytes were read into <see cref="Room"/>.</summary>
    public void Add(int bytes) => _end += bytes;

    /// <summary>All but the last <paramref name="rest"/> bytes were taken.</summary>
    public void Keep(long rest)
    {
        _start = _end - (int)rest;
        if (rest == 0)
            _start = _end = 0;
        if (_block.Length > 2 * Usual && rest <= Usual - Least)
        {
            MoveTo(Usual);
            _start = 0;
            _end = (int)rest;
        }
    }

    public void Dispose()
    {
        var block = Interlocked.Exchange(ref _block, []);
        if (block.Length > 0)
            ArrayPool<byte>.Shared.Return(block);
        _start = _end = 0;
    }

    private void MoveTo(int size)
    {
        var block = ArrayPool<byte>.Shared.Rent(size);
        _block.AsSpan(_start, _end - _start).CopyTo(block);
        ArrayPool<byte>.Shared.Return(_block);
        _block = block;
    }
}
