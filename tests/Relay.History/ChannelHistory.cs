namespace Relay.History;

/// <summary>Everything the lines of one channel say, checked as they come and, where only the end can tell, in <see cref="End"/>.</summary>
internal sealed class ChannelHistory(string channel, Action<Finding> found, bool mayForget)
{
    private readonly Dictionary<string, Publish> _publishes = new(StringComparer.Ordinal);
    private readonly Dictionary<Place, (string Id, string Body, string Who)> _places = [];
    private readonly Dictionary<string, SubscriberLog> _logs = new(StringComparer.Ordinal);
    private StoredContent? _content;

    // The highest place acknowledged so far: whatever is invoked from now on must come behind it.
    private Place _floor = new(string.Empty, 0);

    public int Published => _publishes.Count;

    public int Acknowledged => _publishes.Values.Count(static publish => publish.Acks > 0);

    public int UnacknowledgedKept => _publishes.Values.Count(static publish => publish is { Acks: 0, Place: not null });

    public int Stored => _content?.Count ?? 0;

    public void Invoke(Invoked invoked)
    {
        if (_publishes.TryGetValue(invoked.Id, out var known))
        {
            if (known.Body != invoked.Body)
            {
                throw new InvalidDataException($"The history uses the id {invoked.Id} on {channel} for two events: {known.Body} and {invoked.Body}.");
            }

            known.Invocations++;
            return;
        }

        _publishes.Add(invoked.Id, new Publish { Publisher = invoked.Publisher, Body = invoked.Body, Floor = _floor, Invocations = 1 });
    }

    public void Acknowledge(Acknowledged ack)
    {
        if (!_publishes.TryGetValue(ack.Id, out var publish))
        {
            Report(FindingKind.Phantom, ack.Publisher, $"{ack.Id} was acknowledged at {ack.Place} and never invoked");
            return;
        }

        Witness(ack.Place, ack.Id, publish.Body, ack.Publisher);
        publish.Acks++;
        if (!ack.Duplicate && !publish.NewIn.Add(mayForget ? ack.Place.Epoch : ""))
        {
            Report(FindingKind.Repeated, ack.Publisher, $"{ack.Id} was acknowledged as new twice, now at {ack.Place}");
        }

        publish.Acknowledged ??= ack.Place;
        if (ack.Place.Epoch != _floor.Epoch || ack.Place.Offset > _floor.Offset)
        {
            _floor = ack.Place;
        }
    }

    public void Refuse(Refused refused)
    {
        if (!refused.Retryable && _publishes.TryGetValue(refused.Id, out var publish))
        {
            publish.RefusedForGood++;
        }
    }

    public void See(Seen seen)
    {
        Witness(seen.Place, seen.Id, seen.Body, seen.Subscriber);
        Log(seen.Subscriber).See(seen.Place);
    }

    public void Read(JournalRead read)
    {
        if (_content is not null)
        {
            throw new InvalidDataException($"The history holds the final content of {channel} twice.");
        }

        _content = new StoredContent(read, found);
    }

    public void Store(Stored stored)
    {
        if (_content is null)
        {
            throw new InvalidDataException($"The history holds events stored on {channel} before the line that says from where to where.");
        }

        Witness(stored.Place, stored.Id, stored.Body, "journal");
        _content.Add(stored);
    }

    public SubscriberLog Log(string subscriber)
    {
        if (!_logs.TryGetValue(subscriber, out var log))
        {
            _logs[subscriber] = log = new SubscriberLog(channel, subscriber, found);
        }

        return log;
    }

    public void End()
    {
        _content?.End();
        foreach (var log in _logs.Values)
        {
            log.End();
        }

        foreach (var (id, publish) in _publishes)
        {
            Judge(id, publish);
        }
    }

    private void Judge(string id, Publish publish)
    {
        if (publish is { Acks: 0, Place: { } kept } && publish.RefusedForGood == publish.Invocations)
        {
            Report(FindingKind.Phantom, publish.Publisher, $"{id} was refused for good and is at {kept}");
        }

        if (publish.Place is { } got && got.Epoch == publish.Floor.Epoch && got.Offset <= publish.Floor.Offset)
        {
            Report(FindingKind.Reordered, publish.Publisher, $"{id} is at {got} and was invoked after {publish.Floor} had been acknowledged");
        }

        if (publish.Acknowledged is not { } place)
        {
            return;
        }

        if (_content?.Lacks(place, id) == true)
        {
            Report(FindingKind.Lost, "journal", $"{id} was acknowledged at {place} and is not stored there");
        }

        foreach (var log in _logs.Values.Where(log => log.Lacks(place)))
        {
            Report(FindingKind.Lost, log.Name, $"{id} was acknowledged at {place} and never came, and no gap was told");
        }
    }

    // Three kinds of witnesses say which event is at a place: acks, events read by subscribers, the final content. All must agree.
    private void Witness(Place place, string id, string body, string who)
    {
        if (_places.TryGetValue(place, out var first))
        {
            if (first.Id != id || first.Body != body)
            {
                Report(FindingKind.Conflicting, who, $"{place} is {id} {body}, and for {first.Who} it was {first.Id} {first.Body}");
            }

            return;
        }

        _places.Add(place, (id, body, who));
        if (!_publishes.TryGetValue(id, out var publish))
        {
            Report(FindingKind.Phantom, who, $"{place} is {id}, which was never invoked");
            return;
        }

        if (publish.Body != body)
        {
            Report(FindingKind.Conflicting, who, $"{place} is {id} with the body {body}; published was {publish.Body}");
        }

        if (!publish.Places.TryAdd(mayForget ? place.Epoch : "", place) && publish.Places[mayForget ? place.Epoch : ""] is var other)
        {
            Report(FindingKind.Repeated, who, $"{id} is at {other} and at {place}");
        }

        publish.Place ??= place;
    }

    private void Report(FindingKind kind, string who, string text) => found(new Finding(kind, channel, who, text));

    private sealed class Publish
    {
        public required string Publisher { get; init; }

        public required string Body { get; init; }

        /// <summary>The highest place that was acknowledged when it was first invoked.</summary>
        public required Place Floor { get; init; }

        public int Invocations { get; set; }

        public int Acks { get; set; }

        /// <summary>The epochs in which it was acknowledged as new; one and the same where nothing may be forgotten.</summary>
        public HashSet<string> NewIn { get; } = new(StringComparer.Ordinal);

        public int RefusedForGood { get; set; }

        /// <summary>Where the first ack put it.</summary>
        public Place? Acknowledged { get; set; }

        /// <summary>By epoch; one in all where nothing may be forgotten.</summary>
        public Dictionary<string, Place> Places { get; } = new(StringComparer.Ordinal);

        /// <summary>Where anybody first saw it.</summary>
        public Place? Place { get; set; }
    }
}
