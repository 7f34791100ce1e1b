namespace Relay.Client;

/// <summary>The places up to which one subscription has everything: of a channel, or of the channels a pattern has brought. Plain data.</summary>
internal sealed class Progress
{
    /// <summary>A pattern remembers so many channels: what is older is long behind the window in which something may come twice.</summary>
    public const int MostChannels = 10_000;

    private readonly OrderedDictionary<string, RelayPlace> _places = new(StringComparer.Ordinal);

    public RelayPlace? At(string channel) => _places.TryGetValue(channel, out var place) ? place : null;

    /// <summary>The subscription runs from here.</summary>
    public void Begin(string channel, RelayPlace place)
    {
        _places.Remove(channel);
        _places.Add(channel, place);
        if (_places.Count > MostChannels)
        {
            _places.RemoveAt(0);
        }
    }

    /// <summary>Whether the event is new; then it counts as brought.</summary>
    public bool Takes(RelayEvent one)
    {
        if (one.Place is not { } place)
        {
            return true;
        }

        if (At(one.Channel) is { } known && known.Epoch == place.Epoch && place.Offset <= known.Offset)
        {
            return false;
        }

        Move(one.Channel, place);
        return true;
    }

    /// <summary>Whether what is missing was not told before; then it counts as told.</summary>
    public bool Skips(RelayGap gap)
    {
        if (gap.Epoch is null)
        {
            return true;
        }

        if (At(gap.Channel) is { } known && known.Epoch == gap.Epoch && gap.Last <= known.Offset)
        {
            return false;
        }

        Move(gap.Channel, new RelayPlace(gap.Epoch, gap.Last));
        return true;
    }

    private void Move(string channel, RelayPlace place)
    {
        if (_places.Count == 1 && _places.ContainsKey(channel))
        {
            _places[channel] = place;
        }
        else
        {
            Begin(channel, place);
        }
    }
}

/// <summary>Pauses between tries: up to twice as long each time, at random, so that many clients do not come back together.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan longest, Random random)
{
    private int _tries;

    public void Succeeded() => _tries = 0;

    public TimeSpan Next()
    {
        var ceiling = Math.Min(longest.TotalSeconds, first.TotalSeconds * Math.Pow(2, Math.Min(_tries++, 30)));
        return TimeSpan.FromSeconds(random.NextDouble() * ceiling);
    }
}

/// <summary>Patterns as the relay matches them: <c>*</c> is one segment, <c>**</c> at the end one or more.</summary>
internal static class Pattern
{
    public static bool Is(string channel) => channel.Contains('*', StringComparison.Ordinal);

    public static bool Matches(string pattern, string channel)
    {
        var (wanted, given) = (pattern.Split('/'), channel.Split('/'));
        var takesRest = wanted[^1] == "**";
        var count = takesRest ? wanted.Length - 1 : wanted.Length;
        return (takesRest ? given.Length > count : given.Length == count) && Enumerable.Range(0, count).All(i => wanted[i] == "*" || wanted[i] == given[i]);
    }
}
