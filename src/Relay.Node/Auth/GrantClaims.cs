using System.Text.Json;
using Relay.Actors.Security;
using Relay.Protocol;

namespace Relay.Node.Auth;

/// <summary>
/// The relay's own claims (docs/security.md): <c>"rights":{"topics/deploy/**":["subscribe","history"]}</c> and <c>"subs":["topics/news"]</c>. Whatever is not
/// understood makes the whole token wrong: what was meant to narrow a token must not be passed over. Pure.
/// </summary>
internal static class GrantClaims
{
    private static readonly (string Word, ChannelRights Right)[] Words =
    [
        ("subscribe", ChannelRights.Subscribe), ("publish", ChannelRights.Publish), ("presence", ChannelRights.Presence), ("history", ChannelRights.History),
    ];

    /// <summary>Reads both claims; false when one is not as described.</summary>
    public static bool TryRead(JsonElement claims, out ChannelGrants? grants, out IReadOnlyList<string> forced)
    {
        grants = null;
        forced = [];
        if (claims.TryGetProperty("subs", out var subs) && !TryReadForced(subs, out forced))
        {
            return false;
        }

        if (!claims.TryGetProperty("rights", out var rights))
        {
            return true;
        }

        if (rights.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        var entries = new List<(string Channels, ChannelRights Rights)>();
        foreach (var entry in rights.EnumerateObject())
        {
            if (!TryReadWords(entry.Value, out var granted))
            {
                return false;
            }

            entries.Add((entry.Name, granted));
        }

        grants = ChannelGrants.Create(entries);
        return grants is not null;
    }

    /// <summary>Writes them, as they were read.</summary>
    public static void Write(Utf8JsonWriter writer, ChannelGrants? grants, IReadOnlyList<string> forced)
    {
        if (grants is not null)
        {
            writer.WriteStartObject("rights"u8);
            foreach (var group in grants.Entries.GroupBy(static entry => entry.Channels, StringComparer.Ordinal))
            {
                var granted = group.Aggregate(ChannelRights.None, static (sum, entry) => sum | entry.Rights);
                writer.WriteStartArray(group.Key);
                foreach (var (word, right) in Words)
                {
                    if (granted.HasFlag(right))
                    {
                        writer.WriteStringValue(word);
                    }
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        if (forced.Count > 0)
        {
            writer.WriteStartArray("subs"u8);
            foreach (var channel in forced)
            {
                writer.WriteStringValue(channel);
            }

            writer.WriteEndArray();
        }
    }

    private static bool TryReadForced(JsonElement claim, out IReadOnlyList<string> forced)
    {
        var channels = new List<string>();
        forced = channels;
        if (claim.ValueKind != JsonValueKind.Array || claim.GetArrayLength() > ChannelGrants.MaxEntries)
        {
            return false;
        }

        foreach (var entry in claim.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.String || !ChannelName.TryParse(entry.GetString(), out var channel) || channel.Contains('*', StringComparison.Ordinal))
            {
                return false;
            }

            channels.Add(channel);
        }

        return true;
    }

    private static bool TryReadWords(JsonElement claim, out ChannelRights granted)
    {
        granted = ChannelRights.None;
        if (claim.ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        foreach (var entry in claim.EnumerateArray())
        {
            var right = entry.ValueKind == JsonValueKind.String ? Words.FirstOrDefault(word => entry.ValueEquals(word.Word)).Right : ChannelRights.None;
            if (right == ChannelRights.None)
            {
                return false;
            }

            granted |= right;
        }

        return true;
    }
}
