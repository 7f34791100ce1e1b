using System.Text;
using Relay.Actors.Channels;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>
/// guarantees.md 1 to 4 under random schedules: clients publish, subscribe, resume, unsubscribe, come and go, sockets are full now and then, channels and
/// replicas passivate, and after every action the relay runs a random number of turns. A failure names its seed, which replays it.
/// </summary>
public sealed class OrderAndOnceTests
{
    private const int SeedsPerCase = 60;

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, 8)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_log_is_an_ordered_slice_without_gaps_or_repeats(int part)
    {
        for (var seed = part * SeedsPerCase; seed < (part + 1) * SeedsPerCase; seed++)
        {
            try
            {
                using var world = new World(seed);
                world.Run(150);
            }
            catch (Exception exception)
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {exception.Message}", exception);
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        ulong Trace(int seed)
        {
            using var world = new World(seed);
            world.Run(100);
            return world.Trace;
        }

        Assert.Equal(Trace(7), Trace(7));
        Assert.NotEqual(Trace(7), Trace(8));
    }

    private sealed class World : IDisposable
    {
        private static readonly string[] Channels = ["topics/a", "topics/b", "sessions/c"];

        private readonly Random _random;
        private readonly RelayHarness _relay;
        private readonly List<ChannelLog> _logs = [];
        private readonly Dictionary<(string Channel, long Offset), string> _truth = [];
        private readonly List<(string Id, string Channel)> _published = [];
        private readonly IDialect _dialect = Protocol.Dialects.Create(RelayJsonDialect.DefaultProfile with { IdleTimeout = TimeSpan.FromDays(1) });

        public World(int seed)
        {
            _random = new Random(seed);
            var day = TimeSpan.FromDays(1);
            var settings = new RelaySettings
            {
                MaxInFlightPublishes = _random.Next(2) == 0 ? 2 : 1024,
                DefaultNamespace = new NamespaceSettings
                {
                    HistoryLength = 10_000,
                    HistoryAge = day,
                    DedupeWindow = day,
                    Durability = seed % 3 == 0 ? Durability.Sql : Durability.Memory,
                },
            };
            _relay = new RelayHarness(
                seed,
                settings,
                throughput: new[] { 1, 3, 64 }[_random.Next(3)],
                configure: static parts => parts with { Journals = new ChannelJournals(Sql: new ScriptedJournal()) });
            for (var i = 0; i < 4; i++)
            {
                Come();
            }
        }

        public ulong Trace => _relay.Dispatcher.TraceHash;

        public void Run(int actions)
        {
            for (var i = 0; i < actions; i++)
            {
                Act();
                for (var turns = _random.Next(25); turns > 0 && _relay.Step(_random); turns--)
                {
                }
            }

            Rest();
        }

        public void Dispose() => _relay.Dispose();

        private void Act()
        {
            var log = _logs[_random.Next(_logs.Count)];
            switch (_random.Next(20))
            {
                case < 8:
                    log.Client.Send(Request(log));
                    break;
                case < 13:
                    log.Client.Send([.. Enumerable.Range(0, _random.Next(2, 6)).Select(_ => Request(log))]);
                    break;
                case 13:
                    log.Client.Transport.Room = _random.Next(2) == 0 ? 0 : _random.Next(300);
                    break;
                case < 16:
                    log.Client.Transport.Open(_random.Next(2) == 0 ? long.MaxValue : _random.Next(1, 500));
                    break;
                case 16:
                    Replace(log);
                    break;
                case 17:
                    PassTime();
                    break;
                case 18:
                    LeaveAll();
                    break;
                default:
                    log.Read();
                    break;
            }
        }

        private string Request(ChannelLog log)
        {
            var channel = Channels[_random.Next(Channels.Length)];
            switch (_random.Next(10))
            {
                case < 4:
                    return Publish(log, channel);
                case < 6:
                    return $$"""{"type":"subscribe","channel":"{{channel}}","id":"{{log.Ask("subscribe", channel).Id}}"}""";
                case 6:
                    var last = _random.Next(1, 8);
                    return $$"""{"type":"subscribe","channel":"{{channel}}","last":{{last}},"id":"{{log.Ask("subscribe", channel, last: last).Id}}"}""";
                case 7:
                    return Resume(log, log, channel);
                default:
                    return $$"""{"type":"unsubscribe","channel":"{{channel}}","id":"{{log.Ask("unsubscribe", channel).Id}}"}""";
            }
        }

        // Now and then another client repeats a publish, as one does that came back after a break.
        private string Publish(ChannelLog log, string channel)
        {
            string? id = null;
            if (_published.Count > 0 && _random.Next(6) == 0)
            {
                (id, channel) = _published[_random.Next(_published.Count)];
                if (log.Knows(id))
                {
                    id = null;
                }
            }

            var asked = log.Ask("publish", channel, id);
            _published.Add((asked.Id, channel));
            return $$"""{"type":"publish","channel":"{{channel}}","event":"e","data":"{{asked.Id}}","id":"{{asked.Id}}"}""";
        }

        private static string Resume(ChannelLog log, ChannelLog from, string channel)
        {
            from.Read();
            if (from.EpochOf(channel) is not { } epoch)
            {
                return $$"""{"type":"subscribe","channel":"{{channel}}","id":"{{log.Ask("subscribe", channel).Id}}"}""";
            }

            var offset = from.LastSeen(channel);
            var id = log.Ask("subscribe", channel, since: offset).Id;
            return $$"""{"type":"subscribe","channel":"{{channel}}","since":{"epoch":"{{epoch}}","offset":{{offset}}},"id":"{{id}}"}""";
        }

        private ChannelLog Come()
        {
            var log = new ChannelLog(_relay.Connect(DialectKind.Relay, request => request with { Dialect = _dialect }, settle: false), _truth);
            log.Client.Send($$"""{"type":"unsubscribe","channel":"global","id":"{{log.Ask("unsubscribe", "global").Id}}"}""");
            _logs.Add(log);
            return log;
        }

        // A client goes, perhaps in the middle of things, and comes back on another connection where it stopped.
        private void Replace(ChannelLog log)
        {
            log.Read();
            log.Client.Disconnect();
            _logs.Remove(log);
            var successor = Come();
            foreach (var channel in Channels.Where(_ => _random.Next(2) == 0))
            {
                successor.Client.Send(Resume(successor, log, channel));
            }
        }

        private void LeaveAll()
        {
            foreach (var log in _logs)
            {
                foreach (var channel in Channels)
                {
                    log.Client.Send($$"""{"type":"unsubscribe","channel":"{{channel}}","id":"{{log.Ask("unsubscribe", channel).Id}}"}""");
                }
            }
        }

        // Long enough for idle channels to passivate, while what follows is already on its way.
        private void PassTime()
        {
            if (_random.Next(2) == 0)
            {
                _relay.Settle();
            }

            _relay.Time.Settle = null;
            _relay.Time.Advance(TimeSpan.FromSeconds(_random.Next(2) == 0 ? 1 : 125));
            _relay.Time.Settle = _relay.Settle;
        }

        private void Rest()
        {
            foreach (var log in _logs)
            {
                log.Client.Transport.Open();
                log.Client.Send("""{"type":"ping"}""");
            }

            _relay.Settle();
            foreach (var log in _logs)
            {
                log.Read();
                log.Finish(channel => _relay.History(channel).Position.Offset);

                // A ping passes only when no publish and no subscription of the connection is on its way.
                Assert.Equal(1, log.Pongs);
                Assert.True(log.Client.IsReaderFree);
                Assert.Equal(0, log.Client.Connection.Outbound.UnsentBytes);
            }

            CheckPublishes();
        }

        private void CheckPublishes()
        {
            foreach (var channel in Channels)
            {
                var stored = _relay.History(channel, new HistoryQuery { Limit = 10_000 }).Events;
                var ids = stored.ConvertAll(static publication => Encoding.UTF8.GetString(publication.Data.Span).Trim('"'));
                Assert.Equal(ids.Count, ids.Distinct(StringComparer.Ordinal).Count());
                Assert.Equal(Enumerable.Range(1, stored.Count).Select(static n => (long)n), stored.Select(static one => one.Position.Offset));
                foreach (var publish in _logs.SelectMany(static log => log.All).Where(one => one.Verb == "publish" && one.Channel == channel))
                {
                    Assert.Equal(publish.Id, ids[(int)publish.Offset!.Value - 1]);
                }
            }
        }
    }
}
