using System.Buffers;
using System.Buffers.Binary;

namespace Relay.Cluster.Links;

/// <summary>
/// The messages of one session that the peer has not acknowledged, numbered from 1, in order: those sent, then those still to send. They lie in chunks as they go into frames, each behind
/// its length, so a frame is a copy of a range. Chunks are rented from the shared pool; at most as much again as the messages need, and one chunk.
/// </summary>
internal sealed class SendLog
{
    private const int ChunkSize = 32 * 1024;

    private Chunk? _tail;
    private Chunk? _spare;
    private Cursor _baseAt;
    private Cursor _nextAt;

    /// <summary>The first that is not acknowledged.</summary>
    public long Base { get; private set; } = 1;

    /// <summary>The next to send. Going back makes it lower.</summary>
    public long Next { get; private set; } = 1;

    /// <summary>The number of the next message that is added.</summary>
    public long End { get; private set; } = 1;

    /// <summary>The highest that was ever sent; 0 for none.</summary>
    public long SentTo { get; private set; }

    /// <summary>Bytes of all of them, prefixes included.</summary>
    public long Kept { get; private set; }

    /// <summary>Those of <see cref="Kept"/> that were sent since the log last went back.</summary>
    public long UnderWay { get; private set; }

    /// <returns>False when more than <paramref name="limit"/> bytes would be kept, and some are.</returns>
    public bool TryAdd(ReadOnlySpan<byte> message, long limit)
    {
        var size = LinkFrame.Prefix + message.Length;
        if (Kept > 0 && Kept + size > limit)
        {
            return false;
        }

        var chunk = Room(size);
        BinaryPrimitives.WriteInt32LittleEndian(chunk.Bytes.AsSpan(chunk.Used), message.Length);
        message.CopyTo(chunk.Bytes.AsSpan(chunk.Used + LinkFrame.Prefix));
        chunk.Used += size;
        Kept += size;
        End++;
        return true;
    }

    /// <summary>What of the unsent fits into a frame: whole messages in a row.</summary>
    /// <param name="frame">Bytes for messages in a frame. The first may be larger.</param>
    /// <param name="window">Bytes that may be under way. The first may be larger when nothing is.</param>
    /// <returns>Bytes; 0 when there is nothing, or no room.</returns>
    public int Measure(int frame, long window, out int count)
    {
        count = 0;
        var bytes = 0;
        var room = window - UnderWay;
        var at = _nextAt;
        for (var number = Next; number < End; number++)
        {
            var size = at.Enter();
            var fits = count == 0 ? size <= room || UnderWay == 0 : bytes + size <= Math.Min(frame, room);
            if (!fits)
            {
                break;
            }

            bytes += size;
            at.Offset += size;
            count++;
        }

        return bytes;
    }

    /// <summary>Copies the next messages, as measured; they count as sent.</summary>
    public void Take(Span<byte> target, int count)
    {
        UnderWay += target.Length;
        Next += count;
        SentTo = Math.Max(SentTo, Next - 1);
        while (!target.IsEmpty)
        {
            _nextAt.Enter();
            var part = Math.Min(_nextAt.Chunk!.Used - _nextAt.Offset, target.Length);
            _nextAt.Chunk.Bytes.AsSpan(_nextAt.Offset, part).CopyTo(target);
            _nextAt.Offset += part;
            target = target[part..];
        }
    }

    /// <summary>The peer has everything up to <paramref name="number"/>, which is not above <see cref="SentTo"/>.</summary>
    /// <returns>Whether that is news.</returns>
    public bool Acknowledge(long number)
    {
        if (number < Base)
        {
            return false;
        }

        for (; Base <= number; Base++)
        {
            while (_baseAt.IsAtEnd)
            {
                var passed = _baseAt.Chunk!;
                _baseAt = new Cursor(passed.Next);
                Release(passed);
            }

            var size = _baseAt.Enter();
            _baseAt.Offset += size;
            Kept -= size;
            if (Base < Next)
            {
                UnderWay -= size;
            }
        }

        if (Next < Base)
        {
            (Next, _nextAt) = (Base, _baseAt);
        }

        if (Base == End)
        {
            Rewind();
        }

        return true;
    }

    /// <summary>Everything that is not acknowledged is still to send.</summary>
    public void GoBack() => (Next, _nextAt, UnderWay) = (Base, _baseAt, 0);

    /// <summary>Another session: numbers begin anew.</summary>
    public void Clear()
    {
        for (var chunk = _baseAt.Chunk; chunk is not null;)
        {
            var next = chunk.Next;
            ArrayPool<byte>.Shared.Return(chunk.Bytes);
            chunk = next;
        }

        if (_spare is { } spare)
        {
            ArrayPool<byte>.Shared.Return(spare.Bytes);
        }

        _tail = _spare = null;
        _baseAt = _nextAt = default;
        Base = Next = End = 1;
        SentTo = Kept = UnderWay = 0;
    }

    // Nothing is kept: the chunk that is left is filled from its beginning again.
    private void Rewind()
    {
        var last = _tail!;
        if (last.Bytes.Length > ChunkSize)
        {
            ArrayPool<byte>.Shared.Return(last.Bytes);
            _tail = null;
            _baseAt = _nextAt = default;
            return;
        }

        last.Used = 0;
        _baseAt = _nextAt = new Cursor(last);
    }

    private Chunk Room(int size)
    {
        if (_tail is { } tail && tail.Bytes.Length - tail.Used >= size)
        {
            return tail;
        }

        var chunk = size <= ChunkSize && _spare is not null ? _spare : new Chunk(ArrayPool<byte>.Shared.Rent(Math.Max(size, ChunkSize)));
        if (ReferenceEquals(chunk, _spare))
        {
            _spare = null;
        }

        if (_tail is null)
        {
            _baseAt = _nextAt = new Cursor(chunk);
        }
        else
        {
            _tail.Next = chunk;
        }

        return _tail = chunk;
    }

    private void Release(Chunk chunk)
    {
        if (_spare is null && chunk.Bytes.Length == ChunkSize)
        {
            chunk.Used = 0;
            chunk.Next = null;
            _spare = chunk;
            return;
        }

        ArrayPool<byte>.Shared.Return(chunk.Bytes);
    }

    private sealed class Chunk(byte[] bytes)
    {
        public byte[] Bytes { get; } = bytes;

        public int Used { get; set; }

        public Chunk? Next { get; set; }
    }

    private struct Cursor(Chunk? chunk)
    {
        public Chunk? Chunk = chunk;
        public int Offset;

        /// <summary>Behind the last message of a chunk that has a successor.</summary>
        public readonly bool IsAtEnd => Offset == Chunk!.Used && Chunk.Next is not null;

        /// <summary>Steps over to the message it stands in front of.</summary>
        /// <returns>Bytes, the prefix included.</returns>
        public int Enter()
        {
            while (IsAtEnd)
            {
                Chunk = Chunk!.Next;
                Offset = 0;
            }

            return LinkFrame.Prefix + BinaryPrimitives.ReadInt32LittleEndian(Chunk!.Bytes.AsSpan(Offset));
        }
    }
}
