using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol;

/// <summary>
/// A native subscription to many channels (protocols.md, "Channels"): <c>agents/*</c>, <c>topics/deploy/**</c>. <c>*</c> is a whole segment
/// and stands for exactly one that is not empty; <c>**</c> is the last segment and stands for any rest. The namespace is always literal, so a
/// pattern never crosses from one set of options and rights into another. Immutable.
/// </summary>
public sealed class ChannelPattern
{
    private readonly string[] _segments;
    private readonly bool _anyRest;

    private ChannelPattern(string text, string[] segments, bool anyRest)
    {
        Text = text;
        _segments = segments;
        _anyRest = anyRest;
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>The namespace all matching channels are in.</summary>
    public string Namespace => _segments[0];

    /// <summary>True when the text holds a <c>*</c> and so is to be read as a pattern, valid or not.</summary>
    public static bool LooksLikePattern(ReadOnlySpan<byte> utf8) => utf8.Contains((byte)'*');

    /// <summary>
    /// Reads a pattern; false for a plain name, a <c>*</c> inside a segment, <c>**</c> before the end, or a namespace without ids.
    /// </summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ChannelPattern? pattern)
    {
        pattern = null;
        if (text is null || !text.Contains('*', StringComparison.Ordinal) || !ChannelName.TryParse(text, out var name))
        {
            return false;
        }

        var segments = name.Split('/');
        var anyRest = string.Equals(segments[^1], "**", StringComparison.Ordinal);
        var literal = anyRest ? segments.AsSpan(0, segments.Length - 1) : segments;
        foreach (var segment in literal)
        {
            if (segment.Contains('*', StringComparison.Ordinal) && segment.Length > 1)
            {
                return false;
            }
        }

        pattern = new ChannelPattern(name, literal.ToArray(), anyRest);
        return true;
    }

    /// <summary>True when <paramref name="channel"/>, a valid name, is one of those meant. Allocates nothing.</summary>
    public bool Matches(string channel)
    {
        var rest = channel.AsSpan();
        for (var i = 0; i < _segments.Length; i++)
        {
            var slash = rest.IndexOf('/');
            var segment = slash < 0 ? rest : rest[..slash];
            var wanted = _segments[i];
            if (wanted is "*" ? segment.IsEmpty : !segment.SequenceEqual(wanted))
            {
                return false;
            }

            var last = i == _segments.Length - 1;
            if (slash < 0)
            {
                // The name ends here: a pattern that goes on, even with "**" alone, needs another slash.
                return last && !_anyRest;
            }

            rest = rest[(slash + 1)..];
        }

        return _anyRest;
    }

    /// <summary>True when every channel that <paramref name="other"/> can ever match is matched by this one as well: who holds this pattern may have that one.</summary>
    public bool Covers(ChannelPattern other)
    {
        var common = Math.Min(_segments.Length, other._segments.Length);
        for (var i = 0; i < common; i++)
        {
            var theirs = other._segments[i];
            if (_segments[i] is "*" ? theirs.Length == 0 : !_segments[i].Equals(theirs, StringComparison.Ordinal))
            {
                return false;
            }
        }

        // Fewer segments of theirs leave room for names that lack a segment wanted here; more need a rest here that takes any.
        return other._segments.Length == _segments.Length ? _anyRest == other._anyRest : other._segments.Length > _segments.Length && _anyRest;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
