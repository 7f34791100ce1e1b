using System.Text.Json;
using Relay.History;

namespace Relay.Simulation.Tests;

/// <summary>
/// Publishes bursts on several channels, mostly under ids; repeats under the same id what was refused for now or whose answer was lost with the connection.
/// </summary>
internal sealed class SimPublisher(SimWorld world, string name, string[] channels) : SimClient(world, name)
{
    private readonly Dictionary<string, Publish> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Publish Publish, Place Place)> _last = new(StringComparer.Ordinal);
    private long _published;
    private int _connection;

    public override bool IsSettled => _open.Count == 0 && IsConnected;

    /// <summary>Publishes until that time, milliseconds.</summary>
    public double Until { get; set; }

    public void Begin()
    {
        Connect();
        World.After(World.Random.Next(1000), Act);
    }

    public string Waiting => string.Join(", ", _open.Keys);

    protected override void Connected()
    {
        _connection++;
        foreach (var publish in _open.Values.OrderBy(static one => one.Number))
        {
            Publish1(publish);
        }
    }

    protected override void Disconnected()
    {
        foreach (var publish in _open.Values.Where(static one => one.IsInFlight))
        {
            publish.IsInFlight = false;
            World.Record(new Unanswered(publish.Channel, Name, publish.Id));
        }
    }

    protected override void OnFrame(JsonElement frame)
    {
        if (!frame.TryGetProperty("type", out var type) || type.GetString() != "ack" || !_open.TryGetValue(frame.GetProperty("id").GetString()!, out var publish))
        {
            return;
        }

        publish.IsInFlight = false;
        if (!frame.GetProperty("success").GetBoolean())
        {
            Refused(publish, frame);
            return;
        }

        _open.Remove(publish.Id);
        var place = new Place(frame.GetProperty("epoch").GetString()!, frame.GetProperty("offset").GetInt64());
        var isDuplicate = frame.GetProperty("duplicate").GetBoolean();
        World.Record(new Acknowledged(publish.Channel, Name, publish.Id, place, isDuplicate));
        if (!isDuplicate)
        {
            CheckOrder(publish, place);
        }
    }

    private void Refused(Publish publish, JsonElement frame)
    {
        var code = frame.GetProperty("code").ToString();
        var isRetryable = frame.TryGetProperty("retry_after_ms", out _);
        World.Record(new Refused(publish.Channel, Name, publish.Id, code, isRetryable));
        if (!isRetryable)
        {
            throw World.Broken($"{publish.Id} was refused for good: {frame}");
        }

        World.After(World.Random.Next(100, 700), () =>
        {
            if (IsConnected && !publish.IsInFlight && _open.ContainsKey(publish.Id))
            {
                Publish1(publish);
            }
        });
    }

    // Who publishes two events one behind the other over one connection, of which neither is asked for again, finds them in that order. The nodes ask again when an owner is gone; it may
    // have taken the one and refused the other.
    private void CheckOrder(Publish publish, Place place)
    {
        if (publish.Attempts > 1)
        {
            return;
        }

        if (_last.TryGetValue(publish.Channel, out var last)
            && last.Publish.Connection == publish.Connection
            && last.Place.Epoch == place.Epoch
            && last.Publish.Number < publish.Number != last.Place.Offset < place.Offset)
        {
            throw World.Broken($"{publish.Id} was published behind {last.Publish.Id} and is at {place}, the other at {last.Place}");
        }

        _last[publish.Channel] = (publish, place);
    }

    private void Act()
    {
        if (World.Time.Elapsed.TotalMilliseconds >= Until)
        {
            return;
        }

        if (IsConnected)
        {
            for (var count = World.Random.Next(1, 4); count > 0; count--)
            {
                var number = ++_published;
                var publish = new Publish(number, $"{Name}-{number}", channels[World.Random.Next(channels.Length)], _connection);
                if (World.Random.Next(5) == 0)
                {
                    PublishOnce(publish);
                }
                else
                {
                    _open.Add(publish.Id, publish);
                    Publish1(publish);
                }
            }
        }

        World.After(World.Random.Next(20, 400), Act);
    }

    private void Publish1(Publish publish)
    {
        publish.Attempts++;
        publish.IsInFlight = true;
        World.Record(new Invoked(publish.Channel, Name, publish.Id, publish.Id));
        Send($$"""{"type":"publish","channel":"{{publish.Channel}}","event":"e","data":"{{publish.Id}}","id":"{{publish.Id}}"}""");
    }

    // Nobody knows an event without an id again: it comes once or never.
    private void PublishOnce(Publish publish)
    {
        World.Record(new Invoked(publish.Channel, Name, publish.Id, publish.Id));
        World.Record(new Unanswered(publish.Channel, Name, publish.Id));
        Send($$"""{"type":"publish","channel":"{{publish.Channel}}","event":"e","data":"{{publish.Id}}"}""");
    }

    private sealed class Publish(long number, string id, string channel, int connection)
    {
        public long Number => number;

        public string Id => id;

        public string Channel => channel;

        public int Connection => connection;

        public int Attempts { get; set; }

        public bool IsInFlight { get; set; }
    }
}
