using System.Text.Json;
using Relay.History;

namespace Relay.Simulation.Tests;

/// <summary>Hears several channels; comes back where it stopped, whenever it lost its connection, or just so.</summary>
internal sealed class SimSubscriber(SimWorld world, string name, string[] channels) : SimClient(world, name)
{
    private readonly Dictionary<string, Place> _last = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Channel, Place? Since)> _asked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _active = new(StringComparer.Ordinal);

    public IReadOnlyList<string> Channels => channels;

    public override bool IsSettled => IsConnected && _asked.Count == 0 && _active.Count == channels.Length;

    /// <summary>Comes and goes until that time, milliseconds.</summary>
    public double Until { get; set; }

    public string Waiting => string.Join(", ", _asked.Values.Select(static one => one.Channel)) + (IsConnected ? "" : " (not connected)");

    /// <summary>Up to where it has everything; null before it was ever subscribed.</summary>
    public Place? Last(string channel) => _last.TryGetValue(channel, out var last) ? last : null;

    public void Begin()
    {
        World.After(World.Random.Next(3000), Connect);
        World.After(World.Random.Next(3000, 20_000), Act);
    }

    protected override void Connected()
    {
        foreach (var channel in channels)
        {
            Subscribe(channel);
        }
    }

    protected override void Disconnected()
    {
        _asked.Clear();
        foreach (var channel in channels)
        {
            if (_active.Remove(channel))
            {
                World.Record(new Disconnected(channel, Name));
            }
        }
    }

    protected override void OnFrame(JsonElement frame)
    {
        if (!frame.TryGetProperty("type", out var type))
        {
            Event(frame);
            return;
        }

        switch (type.GetString())
        {
            case "ack" when _asked.Remove(frame.GetProperty("id").GetString()!, out var asked):
                Answered(asked.Channel, asked.Since, frame);
                break;
            case "gap":
                var gap = new GapTold(
                    frame.GetProperty("channel").GetString()!, Name, frame.GetProperty("epoch").GetString()!, frame.GetProperty("from").GetInt64(), frame.GetProperty("to").GetInt64());
                World.Record(gap);
                Reached(gap.Channel, new Place(gap.Epoch, gap.To));
                break;
        }
    }

    private void Event(JsonElement frame)
    {
        var channel = frame.GetProperty("channel").GetString()!;
        if (!channels.Contains(channel))
        {
            return;
        }

        var body = frame.GetProperty("data").GetString()!;
        var place = new Place(frame.GetProperty("epoch").GetString()!, frame.GetProperty("offset").GetInt64());
        World.Record(new Seen(channel, Name, place, body, body));
        Reached(channel, place);
    }

    private void Answered(string channel, Place? since, JsonElement frame)
    {
        if (!frame.GetProperty("success").GetBoolean())
        {
            if (!frame.TryGetProperty("retry_after_ms", out _))
            {
                throw World.Broken($"{Name} may never subscribe: {frame}");
            }

            World.After(World.Random.Next(100, 700), () =>
            {
                if (IsConnected && !_active.Contains(channel) && !_asked.Values.Any(asked => asked.Channel == channel))
                {
                    Subscribe(channel);
                }
            });
            return;
        }

        var place = new Place(frame.GetProperty("epoch").GetString()!, frame.GetProperty("offset").GetInt64());
        bool? recovered = frame.TryGetProperty("recovered", out var told) ? told.GetBoolean() : null;
        World.Record(new Subscribed(channel, Name, since, place, recovered));
        _active.Add(channel);
        if (since is null || recovered == false)
        {
            _last[channel] = place;
        }
    }

    private void Reached(string channel, Place place)
    {
        if (!_last.TryGetValue(channel, out var last) || last.Epoch != place.Epoch || last.Offset < place.Offset)
        {
            _last[channel] = place;
        }
    }

    private void Subscribe(string channel)
    {
        var id = NextRequest();
        Place? since = _last.TryGetValue(channel, out var last) ? last : null;
        _asked.Add(id, (channel, since));
        var where = since is { } place ? $$""","since":{"epoch":"{{place.Epoch}}","offset":{{place.Offset}}}""" : "";
        Send($$"""{"type":"subscribe","channel":"{{channel}}"{{where}},"id":"{{id}}"}""");
    }

    private void Act()
    {
        if (World.Time.Elapsed.TotalMilliseconds < Until)
        {
            Disconnect();
            World.After(World.Random.Next(3000, 20_000), Act);
        }
    }
}
