using Relay.Actors.Channels;
using Relay.History;
using Relay.Kernel.Persistence;
using Relay.Protocol;

namespace Relay.Simulation.Tests;

/// <summary>
/// One random life of a cluster of whole nodes under load, all from its seed: nodes that start, pause, crash, leave and come back, a bad network, a store that is away, forgets, or
/// goes back to what it had a second ago, a journal that is away. Then everything is well again, and everybody has to get what he waits for.
/// </summary>
internal static class ClusterSchedule
{
    private static readonly string[] Channels = ["projects/a", "projects/b", "topics/a", "topics/b"];

    private const double Trouble = 20_000;

    // What is under way when the trouble ends.
    private const double MostDelay = 4500;

    // A lease, a join, a move that hangs, what waits for an owner for 8 s; twice.
    private const double MostSettling = 60_000;

    public static SimWorld Run(int seed, Controls? controls = null, List<string>? log = null) => Run(seed, controls, log, Anything);

    /// <summary>Only what is planned: nodes come and leave, and the network is good. Nobody is refused anything, and no channel begins anew, those in memory included.</summary>
    public static SimWorld RunPlanned(int seed, List<string>? log = null) => Run(seed, null, log, Planned);

    private static SimWorld Run(int seed, Controls? controls, List<string>? log, Action<SimWorld> happen)
    {
        var before = SynchronizationContext.Current;

        // With one, continuations would leave the schedule.
        SynchronizationContext.SetSynchronizationContext(null);
        var shape = new Random(seed ^ 0x5eed);
        var world = new SimWorld(seed, controls ?? new Controls())
        {
            Log = log,
            Shards = shape.Next(1, 7),
            HistoryLength = shape.Next(4) == 0 && happen != Planned ? 12 : 1000,
        };
        try
        {
            Play(world, happen);
            return world;
        }
        catch (Exception error) when (error is not BrokenRuleException)
        {
            throw world.Broken(error.Message, error);
        }
        finally
        {
            foreach (var node in world.Nodes)
            {
                node.Crash();
            }

            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private static void Play(SimWorld world, Action<SimWorld> happen)
    {
        var random = world.Random;
        happen(world);
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var publisher = new SimPublisher(world, $"p{i}", Some(random)) { Until = Trouble + 500 };
            world.Clients.Add(publisher);
            world.After(random.Next(5000), publisher.Begin);
        }

        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var subscriber = new SimSubscriber(world, $"s{i}", Some(random)) { Until = Trouble };
            world.Clients.Add(subscriber);
            world.After(random.Next(3000), subscriber.Begin);
        }

        world.Advance(Trouble);
        world.Network.MendAll();
        if (!world.Living.Any(static node => !node.IsLeaving))
        {
            world.Add("last");
        }

        world.Note("all is well again");
        if (world.Controls.AnswersAreLost)
        {
            // Whoever waits for one of them waits for ever; what went twice is to be seen by then.
            world.Advance(MostDelay);
            CheckHistory(world);
            return;
        }

        for (var waited = 0.0; waited < MostSettling && !IsSettled(world); waited += 500)
        {
            world.Advance(500);
        }

        // Whatever is still under way arrives.
        world.Advance(3000);
        for (var waited = 0.0; waited < MostSettling && !IsSettled(world); waited += 500)
        {
            world.Advance(500);
        }

        CheckSettled(world);
        CheckHistory(world);
    }

    private static void Anything(SimWorld world)
    {
        var random = world.Random;
        world.Network.Badness = random.Next(3) / 2.0;
        world.Network.SpoilsMessages = random.Next(4) == 0;
        for (var i = random.Next(2, 5); i > 0; i--)
        {
            var name = $"n{i}";
            world.After(random.Next(2) == 0 ? random.Next(20) : random.Next(12_000), () => world.Add(name));
        }

        for (var faults = random.Next(7); faults > 0; faults--)
        {
            world.After(3000 + (random.NextDouble() * (Trouble - 3000)), () => SimFaults.Strike(world));
        }
    }

    private static void Planned(SimWorld world)
    {
        var random = world.Random;
        world.IsPlanned = true;
        world.Add("n0");
        for (var i = 1; i < 5; i++)
        {
            var name = $"n{i}";
            world.After(random.Next((int)Trouble), () => world.Add(name));
        }

        for (var i = random.Next(1, 5); i > 0; i--)
        {
            world.After(7000 + random.Next(13_000), () =>
            {
                var up = world.Living.Where(static node => !node.IsLeaving && node.Relay.Cluster!.View.Status.State == Relay.Cluster.Engine.MemberState.Up).ToList();
                if (up.Count > 1)
                {
                    up[random.Next(up.Count)].Leave();
                }
            });
        }
    }

    private static string[] Some(Random random)
    {
        var all = Channels.ToArray();
        random.Shuffle(all);
        return all[..random.Next(1, all.Length + 1)];
    }

    private static bool IsSettled(SimWorld world) =>
        world.Time.Elapsed.TotalMilliseconds > Trouble + MostDelay && world.Living.All(static node => !node.IsPaused && node.Relay.Cluster!.CountHeld() == 0) && world.Clients.TrueForAll(static client => client.IsSettled);

    private static void CheckSettled(SimWorld world)
    {
        foreach (var client in world.Clients.Where(static client => !client.IsSettled))
        {
            throw world.Broken($"{client.Name} at {client.Node?.Id} still waits: {(client as SimPublisher)?.Waiting}{(client as SimSubscriber)?.Waiting}");
        }

        foreach (var node in world.Living)
        {
            if (node.Relay.Cluster!.CountHeld() is var held and > 0)
            {
                throw world.Broken($"{node.Id} holds {held} messages for nobody");
            }
        }
    }

    private static void CheckHistory(SimWorld world)
    {
        var reader = world.Living.First(static node => !node.IsLeaving);
        foreach (var channel in Channels)
        {
            var head = Head(world, reader, channel);
            foreach (var subscriber in world.Clients.OfType<SimSubscriber>().Where(subscriber => subscriber.Channels.Contains(channel)))
            {
                world.Record(new CaughtUp(channel, subscriber.Name, head));
            }

            if (channel.StartsWith("projects", StringComparison.Ordinal))
            {
                ReadJournal(world, channel, head);
            }
        }

        if (world.IsPlanned)
        {
            CheckPlanned(world);
        }

        var report = HistoryChecker.Check(world.History, static channel => !channel.StartsWith("projects", StringComparison.Ordinal));
        world.Report = report;
        if (report.Findings.Count > 0)
        {
            throw world.Broken($"{report}");
        }
    }

    private static void CheckPlanned(SimWorld world)
    {
        if (world.History.Find(static entry => entry is Refused or GapTold or Subscribed { Recovered: false }) is { } told)
        {
            throw world.Broken($"although all was planned: {told}");
        }

        foreach (var channel in world.History.OfType<Seen>().GroupBy(static seen => seen.Channel, static seen => seen.Place.Epoch))
        {
            if (channel.Distinct().Count() > 1)
            {
                throw world.Broken($"{channel.Key} began anew: {string.Join(", ", channel.Distinct())}");
            }
        }
    }

    private static Place Head(SimWorld world, SimNode reader, string channel)
    {
        var asked = reader.Relay.HistoryAsync(channel, new HistoryQuery { Limit = 1 }, CancellationToken.None);
        for (var waited = 0; waited < 100 && !asked.IsCompleted; waited++)
        {
            world.Advance(100);
        }

        var position = asked.IsCompletedSuccessfully && asked.Result.Refusal is null
            ? asked.Result.Position
            : throw world.Broken($"{reader.Id} cannot read {channel}: {(asked.IsCompletedSuccessfully ? asked.Result.Refusal : asked.Exception?.Message)}");
        return new Place(position.Epoch.ToString(), position.Offset);
    }

    private static void ReadJournal(SimWorld world, string channel, Place head)
    {
        var state = world.Journal.ListAsync("", 100).AsTask().Result.SingleOrDefault(stream => stream.Stream == channel).State;
        var epoch = new Epoch(state.Epoch);
        if (state.Exists && (epoch.ToString() != head.Epoch || state.Head != head.Offset))
        {
            throw world.Broken($"{channel} says it is at {head}, its journal is at {epoch}:{state.Head}");
        }

        world.Record(new JournalRead(channel, head, state.Exists ? state.First : 1));
        foreach (var record in world.Journal.ReadAsync(new ReadRecords { Stream = channel, Limit = int.MaxValue }).AsTask().Result)
        {
            var publication = PublicationRecord.Read(channel, epoch, record);
            var body = System.Text.Encoding.UTF8.GetString(publication.Data.Span).Trim('"');
            world.Record(new Stored(channel, new Place(epoch.ToString(), record.Offset), body, body));
        }
    }
}
