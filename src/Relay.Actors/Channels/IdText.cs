using System.Numerics;

namespace Relay.Actors.Channels;

/// <summary>
/// Texts that are forgotten in the order in which they came, in one array that is written round and round. Positions count on for ever; a text lies in one piece,
/// so what is too long for the end of the array begins at its front.
/// </summary>
internal sealed class IdText
{
    private const int Smallest = 64;

    // A power of two long, or empty.
    private char[] _chars = [];
    private long _oldest;
    private long _end;

    public ReadOnlySpan<char> At(long position, int length) => _chars.AsSpan(IndexOf(position), length);

    /// <summary>Keeps a text; returns its position.</summary>
    public long Add(string text)
    {
        var position = PlaceFor(text.Length);
        while (position + text.Length - _oldest > _chars.Length)
        {
            Grow(text.Length);
            position = PlaceFor(text.Length);
        }

        text.CopyTo(_chars.AsSpan(IndexOf(position)));
        _end = position + text.Length;
        return position;
    }

    /// <summary>Gives up the oldest, which is there.</summary>
    public void Drop(long position, int length) => _oldest = position + length;

    private int IndexOf(long position) => (int)(position & (_chars.Length - 1));

    private long PlaceFor(int length) => _chars.Length > 0 && IndexOf(_end) + length > _chars.Length ? _end + _chars.Length - IndexOf(_end) : _end;

    private void Grow(int length)
    {
        var old = _chars;
        _chars = new char[Math.Max(Math.Max(Smallest, old.Length * 2), (int)BitOperations.RoundUpToPowerOf2((uint)length))];
        for (var position = _oldest; position < _end;)
        {
            var from = (int)(position & (old.Length - 1));
            var run = (int)Math.Min(_end - position, old.Length - from);
            old.AsSpan(from, run).CopyTo(_chars.AsSpan(IndexOf(position)));
            position += run;
        }
    }
}
