using Relay.Protocol;

namespace Relay.Actors.Security;

/// <summary>
/// The channels that a credential names, with what it may do there: by name, or by pattern as native clients write them (<c>topics/deploy/**</c>; <c>**</c> alone
/// means every channel). What is not named is not granted. Immutable.
/// </summary>
public sealed class ChannelGrants
{
    /// <summary>Most entries of one credential: each question looks at all of them.</summary>
    public const int MaxEntries = 100;

    private const string Everything = "**";

    private readonly (string Text, ChannelPattern? Pattern, ChannelRights Rights)[] _entries;

    private ChannelGrants((string Text, ChannelPattern? Pattern, ChannelRights Rights)[] entries) => _entries = entries;

    /// <summary>As they were written.</summary>
    public IEnumerable<(string Channels, ChannelRights Rights)> Entries => _entries.Select(static entry => (entry.Text, entry.Rights));

    /// <summary>Makes grants of names and patterns; null when there are too many or one is neither.</summary>
    public static ChannelGrants? Create(IEnumerable<(string Channels, ChannelRights Rights)> entries)
    {
        var list = new List<(string Text, ChannelPattern? Pattern, ChannelRights Rights)>();
        foreach (var (text, rights) in entries)
        {
            ChannelPattern? pattern = null;
            if (list.Count == MaxEntries || !IsValid(text, out pattern))
            {
                return null;
            }

            list.Add((text, pattern, rights));
        }

        return new ChannelGrants([.. list]);
    }

    /// <summary>Whether a text is a channel's name, a pattern, or <c>**</c>.</summary>
    public static bool IsValid(string text) => IsValid(text, out _);

    /// <summary>Whether all of <paramref name="rights"/> are granted on a channel, by one entry or by several.</summary>
    public bool Allow(ChannelRights rights, string channel)
    {
        foreach (var (text, pattern, granted) in _entries)
        {
            if ((rights & granted) != ChannelRights.None && (pattern?.Matches(channel) ?? (text.Equals(channel, StringComparison.Ordinal) || text is Everything)))
            {
                rights &= ~granted;
            }
        }

        return rights == ChannelRights.None;
    }

    /// <summary>Whether all of <paramref name="rights"/> are granted on every channel that a pattern can match.</summary>
    public bool Allow(ChannelRights rights, ChannelPattern channels)
    {
        foreach (var (text, pattern, granted) in _entries)
        {
            if ((rights & granted) != ChannelRights.None && (pattern?.Covers(channels) ?? text is Everything))
            {
                rights &= ~granted;
            }
        }

        return rights == ChannelRights.None;
    }

    private static bool IsValid(string text, out ChannelPattern? pattern)
    {
        pattern = null;
        return text is Everything
            || (text.Contains('*', StringComparison.Ordinal) ? ChannelPattern.TryParse(text, out pattern) : ChannelName.IsValid(text));
    }
}
