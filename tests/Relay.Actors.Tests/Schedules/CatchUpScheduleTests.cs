using System.Text;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>
/// guarantees.md 4 for subscribers that missed more than may wait for them, under random schedules: sockets that are full, events published meanwhile, clients that
/// unsubscribe, subscribe again or go in the middle, owners that end. A failure names its seed, which replays it.
/// </summary>
public sealed class CatchUpScheduleTests
{
    private const int SeedsPerCase = 60;

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, 6)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Whatever_the_page_every_log_is_the_channels_slice_or_names_the_gap(int part)
    {
        var (gaps, events) = (0, 0);
        for (var seed = part * SeedsPerCase; seed < (part + 1) * SeedsPerCase; seed++)
        {
            try
            {
                using var world = new World(seed);
                world.Run(120);
                gaps += world.Gaps;
                events += world.Events;
            }
            catch (Exception exception)
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {exception.Message}", exception);
            }
        }

        Assert.True(gaps > 0, "Nobody was slower than the history");
        Assert.True(events > 10_000, $"Only {events} events were brought");
    }

    private sealed class World : IDisposable
    {
        /// <summary>A quarter of it is what may wait while a client catches up.</summary>
        private const int UnsentBytes = 16 * 1024;

        private const int Before = 150;
        private const int Live = 25;

        private readonly Random _random;
        private readonly RelayHarness _relay;
        private readonly int _historyLength;
        private readonly List<CatchUpLog> _logs = [];
        private readonly List<CatchUpLog> _gone = [];
        private string _epoch = "";
        private int _published;
        private long _mostUnsent;

        public World(int seed)
        {
            _random = new Random(seed);
            _historyLength = seed % 2 == 0 ? 100 : 1000;
            var day = TimeSpan.FromDays(1);
            var settings = new RelaySettings
            {
                UnsentBytes = UnsentBytes,
                CatchUpPage = new PageBounds(new[] { 1, 3, 16, 256 }[_random.Next(4)], new[] { 1, 700, 48 * 1024 }[_random.Next(3)]),
                DefaultNamespace = new NamespaceSettings
                {
                    HistoryLength = _historyLength,
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
            for (var i = 0; i < Before; i++)
            {
                Publish(_random.Next(600));
            }

            _relay.Settle();
            _epoch = _relay.History("topics/x").Position.Epoch.ToString();
            for (var i = 0; i < 3; i++)
            {
                Come(_random.Next(Before));
            }
        }

        public int Gaps => _logs.Concat(_gone).Sum(static log => log.Gaps);

        public int Events => _logs.Concat(_gone).Sum(static log => log.Events);

        public void Run(int actions)
        {
            for (var i = 0; i < actions; i++)
            {
                Act();
                for (var turns = _random.Next(25); turns > 0 && _relay.Step(_random); turns--)
                {
                    Measure();
                }
            }

            foreach (var log in _logs)
            {
                log.Client.Transport.Open();
            }

            _relay.Settle();
            var newest = _relay.History("topics/x").Position.Offset;
            foreach (var log in _logs)
            {
                log.Read();
                Assert.True(log.IsAnswered, "A request has no answer");
                Assert.True(log.Next == 0 || log.Next == newest + 1, $"It ends before {log.Next}, the channel at {newest}");
                Assert.Equal(0, log.Client.Connection.Outbound.UnsentBytes);
            }

            // A quarter waits, a part of a quarter is brought, and what was live or answered besides.
            Assert.InRange(_mostUnsent, 0, (UnsentBytes / 2) + 6000);
        }

        public void Dispose() => _relay.Dispose();

        private void Act()
        {
            var log = _logs[_random.Next(_logs.Count)];
            switch (_random.Next(24))
            {
                case < 5 when _published < Before + Live:
                    Publish(_random.Next(60));
                    break;
                case < 9:
                    log.Client.Transport.Room = _random.Next(2) == 0 ? 0 : _random.Next(300);
                    break;
                case < 16:
                    log.Client.Transport.Open(_random.Next(8) == 0 ? long.MaxValue : _random.Next(1, 6000));
                    break;
                case 16:
                    Leave(log);
                    break;
                case 17 when log.IsSubscribed:
                    log.Read();
                    log.Unsubscribe();
                    break;
                case 18 when log.IsAnswered:
                    log.Read();
                    SubscribeAgain(log);
                    if (_random.Next(3) == 0)
                    {
                        // Together with the one before, which may never begin.
                        log.Subscribe("now", 0, _epoch);
                    }

                    break;
                case 19 when _published < Before + Live:
                    _published++;
                    log.Publish();
                    break;
                case 20:
                    EndOwner();
                    break;
                default:
                    log.Read();
                    break;
            }
        }

        // Not awaited: it is on its way while other things happen.
        private void Publish(int size)
        {
            _published++;
            var item = new PublishItem { Event = "e", Data = Encoding.UTF8.GetBytes($"\"{new string('x', size)}\"") };
            _ = _relay.Relay.PublishAsync("topics/x", [item], "", CancellationToken.None);
        }

        private void Come(long seen)
        {
            var client = _relay.Connect(DialectKind.Relay);
            client.TakeAll();
            client.Transport.Room = _random.Next(3000);
            var log = new CatchUpLog(client, _historyLength);
            _logs.Add(log);
            log.Subscribe("since", seen, _epoch);
        }

        private void Leave(CatchUpLog log)
        {
            log.Read();
            log.Client.Disconnect();
            _logs.Remove(log);
            _gone.Add(log);
            Come(log.Next > 0 ? log.Next - 1 : _random.Next(Before));
        }

        // Perhaps in the middle of what it asked for before.
        private void SubscribeAgain(CatchUpLog log)
        {
            switch (_random.Next(3))
            {
                case 0:
                    log.Subscribe("last", _random.Next(1, 200), _epoch);
                    break;
                case 1:
                    log.Subscribe("since_time", 0, _epoch);
                    break;
                default:
                    log.Subscribe("since", log.Next > 0 ? log.Next - 1 : _random.Next(Before), _epoch);
                    break;
            }
        }

        // Its next life continues the sequence. Publishes that stood behind its end would be lost, questions of its replica may be.
        private void EndOwner()
        {
            _relay.Settle();
            _relay.Relay.Region.Tell(new ShardEnvelope("topics/x", PoisonPill.Instance), ActorRefs.Nobody);
            foreach (var log in _logs)
            {
                log.Client.Transport.Open(_random.Next(1, 3000));
            }

            _relay.Settle();
        }

        private void Measure()
        {
            foreach (var log in _logs)
            {
                _mostUnsent = Math.Max(_mostUnsent, log.Client.Connection.Outbound.UnsentBytes);
            }
        }
    }
}
