using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Payload received so far, in one rented array that grows by doubling, with the text check's place in it.
/// Owned by a <see cref="FrameReader"/>. A mutable struct: never copied.
/// </summary>
internal struct MessageBuffer
{
    // Small enough for the pool's cheapest buckets, large enough that a typical command never grows.
    private const int FirstSize = 1024;

    private byte[]? _array;
    private int _checked;

    public int Length { get; private set; }

    public readonly int Capacity => _array?.Length ?? 0;

    public readonly ReadOnlyMemory<byte> Memory => _array.AsMemory(0, Length);

    /// <summary>Makes room for <paramref name="count"/> bytes at the end and returns it to be filled.</summary>
    public Span<byte> Append(int count)
    {
        int start = Length;
        int needed = start + count;
        if (_array is null || needed > _array.Length)
        {
            Grow(needed);
        }

        Length = needed;
        return _array.AsSpan(start, count);
    }

    /// <summary>Forgets the content and keeps the array: what was handed out stays readable until the next append.</summary>
    public void Clear()
    {
        Length = 0;
        _checked = 0;
    }

    /// <summary>Whether the bytes so far are the beginning of some UTF-8 text; looks at each byte once, however small the pieces.</summary>
    public bool CheckTextSoFar()
    {
        ReadOnlySpan<byte> rest = _array.AsSpan(_checked, Length - _checked);
        int open = OpenSequence(rest);
        int whole = rest.Length - open;
        if (!Utf8.IsValid(rest[..whole]))
        {
            return false;
        }

        _checked += whole;
        return open == 0 || Rune.DecodeFromUtf8(rest[whole..], out _, out _) == OperationStatus.NeedMoreData;
    }

    /// <summary>Whether the whole text is UTF-8, given that what was checked before was.</summary>
    public readonly bool CheckTextAtEnd() => Utf8.IsValid(_array.AsSpan(_checked, Length - _checked));

    public void ReleaseIfEmpty()
    {
        if (Length == 0)
        {
            Release();
        }
    }

    public void Release()
    {
        if (_array is { } array)
        {
            _array = null;
            Clear();
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    /// <summary>Bytes at the end (0 to 3) that begin a sequence longer than what is there, judged by the lead byte alone.</summary>
    private static int OpenSequence(ReadOnlySpan<byte> bytes)
    {
        for (int back = 1; back <= 3 && back <= bytes.Length; back++)
        {
            byte b = bytes[^back];
            if (b < 0x80)
            {
                return 0;
            }

            if (b >= 0xC0)
            {
                int length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
                return length > back ? back : 0;
            }
        }

        return 0;
    }

    private void Grow(int needed)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, Math.Max(FirstSize, Capacity * 2)));
        if (_array is { } old)
        {
            old.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(old);
        }

        _array = larger;
    }
}
