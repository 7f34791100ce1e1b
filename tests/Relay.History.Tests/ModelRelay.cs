using static Relay.History.Tests.HistoryText;

namespace Relay.History.Tests;

/// <summary>What a broken relay does, once in a history.</summary>
public enum Flaw
{
    None,

    /// <summary>One event does not reach one subscriber.</summary>
    Drop,

    /// <summary>One event reaches one subscriber twice.</summary>
    Duplicate,

    /// <summary>Two events reach one subscriber the wrong way round.</summary>
    Swap,

    /// <summary>A publish is acknowledged, and the node dies before it is written.</summary>
    AckBeforeWrite,

    /// <summary>A stale owner accepts an event under an offset that the new owner gives to another.</summary>
    IgnoredFence,

    /// <summary>A retry is accepted as a new event.</summary>
    ForgottenId,

    /// <summary>The relay forgets its epoch with a crash and goes on counting from 1 in a new one, but calls resumes recovered.</summary>
    SilentEpoch,
}

/// <summary>
/// A relay as small as it can be: one channel's journal, one publisher, some subscribers, and a random order of publishes, lost acks with retries, lost
/// connections, resumes, slow clients with gap notices, and crashes. What its clients see is recorded. Right by construction, but for one flaw.
/// </summary>
internal sealed class ModelRelay
{
    private const int Steps = 300;

    /// <summary>Between a tenth and nine tenths of the way, so that there is a before and an after.</summary>
    private const int FlawEarliest = Steps / 10;

    private readonly List<HistoryEntry> _history = [];
    private readonly List<string> _journal = [];
    private readonly Dictionary<string, long> _known = new(StringComparer.Ordinal);
    private readonly List<string> _unanswered = [];
    private readonly List<Client> _clients = [new("s1"), new("s2"), new("s3")];
    private readonly Random _random;
    private Flaw _flaw;
    private string _epoch = Epoch;
    private int _ids;

    private ModelRelay(int seed, Flaw flaw)
    {
        _random = new Random(seed);
        _flaw = flaw;
    }

    private Place Head => At(_journal.Count, _epoch);

    /// <summary>A whole history: subscribers begin, things happen, everybody catches up, the journal is read.</summary>
    public static List<HistoryEntry> Run(int seed, Flaw flaw)
    {
        var relay = new ModelRelay(seed, flaw);
        relay._clients.ForEach(relay.Connect);
        var flawAt = FlawEarliest + relay._random.Next(Steps - (2 * FlawEarliest));
        for (var step = 0; step < Steps; step++)
        {
            relay.Step();
            if (step >= flawAt && relay._flaw is not Flaw.None)
            {
                relay.Break();
            }
        }

        relay.End();
        return relay._history;
    }

    private void Step()
    {
        switch (_random.Next(20))
        {
            case < 9:
                Publish($"m{++_ids}", isAnswered: _random.Next(5) > 0);
                break;
            case < 12 when _unanswered.Count > 0:
                var again = _unanswered[_random.Next(_unanswered.Count)];
                _unanswered.Remove(again);
                Publish(again, isAnswered: _random.Next(5) > 0);
                break;
            case < 14:
                Refuse($"m{++_ids}");
                break;
            case < 16:
                Disconnect(_clients[_random.Next(_clients.Count)]);
                break;
            case < 18:
                _clients.Where(static client => !client.IsConnected).Take(1).ToList().ForEach(Connect);
                break;
            case 18:
                Skip(_clients[_random.Next(_clients.Count)]);
                break;
            default:
                _clients.ForEach(Disconnect);
                break;
        }
    }

    private void Publish(string id, bool isAnswered)
    {
        _history.Add(Invoked(id));
        var isNew = !_known.ContainsKey(id);
        if (isNew)
        {
            Accept(id);
        }

        if (isAnswered)
        {
            _history.Add(Acked(id, _known[id], !isNew, _epoch));
        }
        else
        {
            _history.Add(new Unanswered(Channel, "p", id));
            _unanswered.Add(id);
        }
    }

    private void Accept(string id)
    {
        _journal.Add(id);
        _known[id] = _journal.Count;
        foreach (var client in _clients.Where(static client => client.IsConnected))
        {
            Deliver(client, _journal.Count);
        }
    }

    // The journal did not answer: half of such events are stored all the same.
    private void Refuse(string id)
    {
        _history.Add(Invoked(id));
        if (_random.Next(2) == 0)
        {
            Accept(id);
        }

        _history.Add(Refused(id, retryable: true));
    }

    private void Deliver(Client client, long offset)
    {
        _history.Add(Seen(_journal[(int)offset - 1], offset, client.Name, _epoch));
        client.Last = At(offset, _epoch);
    }

    private void Disconnect(Client client)
    {
        if (client.IsConnected)
        {
            client.IsConnected = false;
            _history.Add(Gone() with { Subscriber = client.Name });
        }
    }

    private void Connect(Client client)
    {
        client.IsConnected = true;
        if (client.Last is not { } since)
        {
            client.Last = Head;
            _history.Add(new Subscribed(Channel, client.Name, null, Head, null));
            return;
        }

        // Now and then the window does not reach back.
        var recovered = _random.Next(10) > 0;
        _history.Add(new Subscribed(Channel, client.Name, since, Head, recovered));
        for (var offset = since.Offset + 1; recovered && offset <= _journal.Count; offset++)
        {
            Deliver(client, offset);
        }

        client.Last = Head;
    }

    // A slow client misses the next one or two and is told.
    private void Skip(Client client)
    {
        if (!client.IsConnected)
        {
            return;
        }

        client.IsConnected = false;
        var from = _journal.Count + 1;
        Publish($"m{++_ids}", isAnswered: true);
        client.IsConnected = true;
        _history.Add(new GapTold(Channel, client.Name, _epoch, from, _journal.Count));
        client.Last = Head;
    }

    private void Break()
    {
        var flaw = _flaw;
        _flaw = Flaw.None;
        var victim = _clients[_random.Next(_clients.Count)];
        _clients.Where(static client => !client.IsConnected).ToList().ForEach(Connect);
        switch (flaw)
        {
            case Flaw.Drop:
                victim.IsConnected = false;
                Publish($"m{++_ids}", isAnswered: true);
                victim.IsConnected = true;

                // The next one shows the jump: a client that comes back before it gets what was dropped, and nothing was wrong.
                Publish($"m{++_ids}", isAnswered: true);
                break;
            case Flaw.Duplicate:
                Publish($"m{++_ids}", isAnswered: true);
                Deliver(victim, _journal.Count);
                break;
            case Flaw.Swap:
                victim.IsConnected = false;
                Publish($"m{++_ids}", isAnswered: true);
                Publish($"m{++_ids}", isAnswered: true);
                victim.IsConnected = true;
                Deliver(victim, _journal.Count);
                Deliver(victim, _journal.Count - 1);
                victim.Last = Head;
                break;
            case Flaw.AckBeforeWrite:
                _history.Add(Invoked("early"));
                _history.Add(Acked("early", _journal.Count + 1, epoch: _epoch));
                _clients.ForEach(Disconnect);
                break;
            case Flaw.IgnoredFence:
                _history.Add(Invoked("stale"));
                _history.Add(Acked("stale", _journal.Count + 1, epoch: _epoch));
                Publish($"m{++_ids}", isAnswered: true);
                break;
            case Flaw.ForgottenId:
                Publish("twice", isAnswered: true);
                _known.Remove("twice");
                Publish("twice", isAnswered: true);
                break;
            default:
                Publish($"m{++_ids}", isAnswered: true);
                _clients.ForEach(Disconnect);
                _journal.Clear();
                _epoch = "e2";
                _history.Add(new Subscribed(Channel, victim.Name, victim.Last, Head, Recovered: true));
                victim.IsConnected = true;
                _clients.ForEach(client => client.Last = Head);
                break;
        }
    }

    private void End()
    {
        foreach (var client in _clients)
        {
            if (!client.IsConnected)
            {
                Connect(client);
            }

            _history.Add(new CaughtUp(Channel, client.Name, Head));
        }

        _history.Add(new JournalRead(Channel, Head, 1));
        _history.AddRange(_journal.Select((id, index) => Stored(id, index + 1, _epoch)));
    }

    private sealed class Client(string name)
    {
        public string Name => name;

        public bool IsConnected { get; set; }

        public Place? Last { get; set; }
    }
}
