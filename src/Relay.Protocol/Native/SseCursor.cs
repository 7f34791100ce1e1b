using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Relay.Protocol;

/// <summary>
/// Where a stream over several channels stands: the position of each in the order of the request, as its client has it. An id of such a stream carries all of
/// them, <c>epoch:offset,epoch:offset,-</c>, because a browser gives back only the last id it got; <c>-</c> stands for a channel whose position is
/// not known yet and for a pattern, which has none.
/// <para>
/// The blocks of <see cref="SseDialect"/> are the same for everybody and carry the position of their own channel; here, behind the queue of the connection,
/// their id lines are replaced. So an event that was left out never counts as seen. Owned by the connection's writer.
/// </para>
/// </summary>
public sealed class SseCursor
{
    private const byte Unknown = (byte)'-';
    private const byte Separator = (byte)',';

    private readonly byte[][] _names;
    private readonly StreamPosition?[] _positions;
    private int _last;

    /// <summary>The cursor at the beginning of a stream.</summary>
    /// <param name="subscriptions">In the order of the request.</param>
    public SseCursor(IReadOnlyList<SubscribeCommand> subscriptions)
    {
        ArgumentNullException.ThrowIfNull(subscriptions);
        _names = [.. subscriptions.Select(static subscription => subscription.IsPattern ? [] : Token(subscription.Channel))];
        _positions = [.. subscriptions.Select(static subscription => subscription.Since)];
    }

    /// <summary>Reads an id of a stream over <paramref name="count"/> channels; false when it is none.</summary>
    public static bool TryParse(string id, int count, [NotNullWhen(true)] out StreamPosition?[]? positions)
    {
        ArgumentNullException.ThrowIfNull(id);
        positions = null;
        var parts = id.Split((char)Separator);
        if (parts.Length != count)
        {
            return false;
        }

        var read = new StreamPosition?[count];
        for (var i = 0; i < count; i++)
        {
            if (parts[i] is "-")
            {
                continue;
            }

            if (!StreamPosition.TryParse(Encoding.UTF8.GetBytes(parts[i]), out var position))
            {
                return false;
            }

            read[i] = position;
        }

        positions = read;
        return true;
    }

    /// <summary>
    /// Writes blocks from the beginning of <paramref name="blocks"/>, as many as make up to <paramref name="most"/> bytes and at least one; returns how many bytes
    /// of <paramref name="blocks"/> they were.
    /// </summary>
    /// <param name="blocks">Whole blocks of <see cref="SseDialect"/>; not empty.</param>
    /// <param name="most">Where to stop, unless the first block is longer.</param>
    /// <param name="output">Gets the blocks with the ids of this stream.</param>
    public int Write(ReadOnlySpan<byte> blocks, int most, IBufferWriter<byte> output)
    {
        var taken = 0;
        while (taken < blocks.Length)
        {
            var rest = blocks[taken..];
            var length = rest.IndexOf("\n\n"u8) is var end and >= 0 ? end + 2 : rest.Length;
            if (taken > 0 && taken + length > most)
            {
                break;
            }

            WriteBlock(rest[..length], output);
            taken += length;
        }

        return taken;
    }

    private static byte[] Token(string channel)
    {
        var token = new ArrayBufferWriter<byte>();
        var json = new JsonText(token);
        json.String(channel);
        json.Flush();
        return token.WrittenSpan.ToArray();
    }

    private void WriteBlock(ReadOnlySpan<byte> block, IBufferWriter<byte> output)
    {
        if (!block.StartsWith("id: "u8))
        {
            output.Write(block);
            return;
        }

        var line = block.IndexOf((byte)'\n');
        var body = block[(line + 1)..];
        var index = IndexOfChannel(body);
        if (index >= 0 && StreamPosition.TryParse(block[4..line], out var position))
        {
            _positions[index] = position;
            WriteId(output);
        }

        output.Write(body);
    }

    // The channel's name stands before anything a publisher wrote: an event's block begins with its id and its channel.
    private int IndexOfChannel(ReadOnlySpan<byte> body)
    {
        var member = "\"channel\":"u8;
        var at = body.IndexOf(member);
        if (at < 0)
        {
            return -1;
        }

        var name = body[(at + member.Length)..];
        if (_names[_last].Length > 0 && name.StartsWith(_names[_last]))
        {
            return _last;
        }

        for (var i = 0; i < _names.Length; i++)
        {
            if (_names[i].Length > 0 && name.StartsWith(_names[i]))
            {
                return _last = i;
            }
        }

        return -1;
    }

    private void WriteId(IBufferWriter<byte> output)
    {
        var span = output.GetSpan(5 + (_positions.Length * (StreamPosition.MaxTextLength + 1)));
        "id: "u8.CopyTo(span);
        var at = 4;
        foreach (var known in _positions)
        {
            if (known is { } position)
            {
                at += position.Format(span[at..]);
            }
            else
            {
                span[at++] = Unknown;
            }

            span[at++] = Separator;
        }

        span[at - 1] = (byte)'\n';
        output.Advance(at);
    }
}
