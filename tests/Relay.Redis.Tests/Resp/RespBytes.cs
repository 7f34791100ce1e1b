using System.Buffers;
using System.Text;
using Relay.Redis.Resp;

namespace Relay.Redis.Tests.Resp;

/// <summary>Replies as byte sequences cut into pieces, and as canonical text for comparison.</summary>
internal static class RespBytes
{
    public static byte[] Of(string latin1) => Encoding.Latin1.GetBytes(latin1);

    public static ReadOnlySequence<byte> Split(byte[] bytes, params ReadOnlySpan<int> cuts)
    {
        var first = new Piece(bytes.AsMemory(0, cuts.IsEmpty ? bytes.Length : cuts[0]), 0);
        var last = first;
        for (var i = 0; i < cuts.Length; i++)
        {
            var end = i + 1 < cuts.Length ? cuts[i + 1] : bytes.Length;
            last = last.Append(bytes.AsMemory(cuts[i], end - cuts[i]));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    public static string Canonical(RedisValue value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    private static void Write(StringBuilder text, RedisValue value)
    {
        text.Append(value.Kind);
        if (!value.IsAggregate)
        {
            text.Append('(').Append(value.Kind == RespKind.Null ? "" : value.AsString()).Append(')');
            return;
        }

        text.Append('[');
        foreach (var item in value.Items)
        {
            Write(text, item);
            text.Append(' ');
        }

        text.Append(']');
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
