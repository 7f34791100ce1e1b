using System.Text.Json;

namespace Relay.Actors.Tests;

/// <summary>What one client asked for; <see cref="Offset"/> comes with the answer.</summary>
internal sealed record Asked(int Index, string Id, string Verb, string Channel)
{
    /// <summary>Offset of <c>since</c>; null without.</summary>
    public long? Since { get; init; }

    public int Last { get; init; }

    public bool Answered { get; set; }

    /// <summary>Position in the answer; null when it carried none (a subscription that was withdrawn before it ran).</summary>
    public long? Offset { get; set; }

    public bool Duplicate { get; set; }

    /// <summary>An unsubscribe from what is not subscribed: its ack waits for nothing and may overtake that of an earlier one.</summary>
    public bool ChangesNothing { get; set; }
}

/// <summary>
/// Reads one native client's frames and checks the guarantees one client can see: every event of a subscription once, in order and without gaps, from the
/// position its ack names to its end; own events before own acks; every request answered once.
/// </summary>
internal sealed class ChannelLog(FakeClient client, Dictionary<(string Channel, long Offset), string> truth)
{
    private readonly Dictionary<string, Asked> _asked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Stand> _stands = new(StringComparer.Ordinal);
    private readonly HashSet<string> _wanted = new(StringComparer.Ordinal) { "global" };
    private int _next;

    public FakeClient Client => client;

    public IEnumerable<Asked> All => _asked.Values;

    public int Pongs { get; private set; }

    public long? LastSeen(string channel) => _stands.GetValueOrDefault(channel)?.Seen;

    public string? EpochOf(string channel) => _stands.GetValueOrDefault(channel)?.Epoch;

    public bool Knows(string id) => _asked.ContainsKey(id);

    public Asked Ask(string verb, string channel, string? id = null, long? since = null, int last = 0)
    {
        var index = _next++;
        var asked = new Asked(index, id ?? $"{client.Id}-{index}", verb, channel) { Since = since, Last = last };
        if (verb == "unsubscribe")
        {
            asked.ChangesNothing = !_wanted.Remove(channel);
        }
        else if (verb == "subscribe")
        {
            _wanted.Add(channel);
        }

        _asked.Add(asked.Id, asked);
        return asked;
    }

    public void Read()
    {
        foreach (var frame in client.TakeAll())
        {
            using var document = JsonDocument.Parse(frame);
            var json = document.RootElement;
            if (json.TryGetProperty("type", out var type))
            {
                Pongs += type.GetString() == "pong" ? 1 : 0;
                Assert.True(type.GetString() is "ack" or "pong" or "connected", frame);
                if (type.GetString() == "ack")
                {
                    Answered(json, frame);
                }
            }
            else
            {
                Delivered(json, frame);
            }
        }
    }

    /// <summary>At rest: nothing is owed to a client that is still there.</summary>
    public void Finish(Func<string, long> newest)
    {
        var open = _asked.Values.Where(static asked => !asked.Answered).ToList();
        Assert.True(open.Count == 0, $"{open.Count} of {_asked.Count} requests have no answer, the first is {open.FirstOrDefault()}; read loop free: {client.IsReaderFree}");
        foreach (var (channel, stand) in _stands.Where(static pair => pair.Value.IsActive))
        {
            Assert.True(stand.Seen == newest(channel), $"{channel}: seen up to {stand.Seen}, the channel is at {newest(channel)}");
        }

        foreach (var subscribe in _asked.Values.Where(static one => one is { Verb: "subscribe", Offset: not null }))
        {
            foreach (var publish in _asked.Values.Where(one => one is { Verb: "publish", Duplicate: false } && one.Channel == subscribe.Channel))
            {
                Assert.True(
                    publish.Index < subscribe.Index ? publish.Offset <= subscribe.Offset : publish.Offset > subscribe.Offset,
                    $"{publish} against {subscribe}");
            }
        }
    }

    private void Answered(JsonElement json, string frame)
    {
        Assert.True(json.GetProperty("success").GetBoolean(), frame);
        var asked = _asked[json.GetProperty("id").GetString()!];
        Assert.False(asked.Answered, "Answered twice: " + frame);
        asked.Answered = true;
        asked.Offset = json.TryGetProperty("offset", out var offset) ? offset.GetInt64() : null;
        var stand = StandOf(asked.Channel);
        switch (asked.Verb)
        {
            case "unsubscribe" when !asked.ChangesNothing:
                stand.IsActive = false;
                break;
            case "publish":
                asked.Duplicate = json.GetProperty("duplicate").GetBoolean();
                Assert.True(
                    asked.Duplicate || !stand.IsActive || asked.Offset <= stand.Start || stand.Seen >= asked.Offset,
                    $"Acked before its own event was seen (at {stand.Seen}): {frame}");
                break;
            case "subscribe" when asked.Offset is { } start:
                if (asked.Since is not null)
                {
                    Assert.True(json.GetProperty("recovered").GetBoolean(), frame);
                }

                stand.Begin(asked, start, json.GetProperty("epoch").GetString()!);
                break;
        }
    }

    private void Delivered(JsonElement json, string frame)
    {
        var channel = json.GetProperty("channel").GetString()!;
        var offset = json.GetProperty("offset").GetInt64();
        var stand = StandOf(channel);
        Assert.True(stand.IsActive, "Not subscribed: " + frame);
        Assert.Equal(stand.Epoch, json.GetProperty("epoch").GetString());
        Assert.True(stand.Takes(offset), $"Seen {stand.Seen}, then {frame}");
        var data = json.GetProperty("data").GetRawText();
        truth.TryAdd((channel, offset), data);
        Assert.Equal(truth[(channel, offset)], data);
    }

    private Stand StandOf(string channel)
    {
        if (!_stands.TryGetValue(channel, out var stand))
        {
            _stands.Add(channel, stand = new Stand());
        }

        return stand;
    }

    private sealed class Stand
    {
        private long _earliest;

        public bool IsActive { get; set; }

        public string? Epoch { get; private set; }

        /// <summary>Where live events begin.</summary>
        public long Start { get; private set; }

        /// <summary>Newest event seen, or where the subscription began.</summary>
        public long Seen { get; private set; }

        public void Begin(Asked asked, long start, string epoch)
        {
            IsActive = true;
            Epoch = epoch;
            Start = start;
            Seen = asked.Since ?? start;
            _earliest = asked.Last > 0 ? Math.Max(1, start - asked.Last + 1) : 0;
        }

        public bool Takes(long offset)
        {
            // The first of the newest n; history holds them all in these tests.
            var expected = _earliest > 0 && Start > 0 ? _earliest : Seen + 1;
            _earliest = 0;
            Seen = offset;
            return offset == expected;
        }
    }
}
