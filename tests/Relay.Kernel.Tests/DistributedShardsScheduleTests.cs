using Relay.Kernel.TestKit;

namespace Relay.Kernel.Tests;

/// <summary>
/// A shard that comes and goes while several senders write to its entities, which passivate all the time. Whatever the schedule: each message is handled once, here or
/// elsewhere, and each sender's in their order.
/// </summary>
public sealed class DistributedShardsScheduleTests
{
    private const int Senders = 3;
    private const int Entities = 2;

    [Fact]
    public async Task A_shard_that_comes_and_goes_loses_nothing_and_keeps_order_in_every_schedule()
    {
        var returned = 0;
        var evictions = 0;
        for (var seed = 0; seed < 1000; seed++)
        {
            var run = new Run(seed);
            await run.PlayAsync();
            returned += run.Returned;
            evictions += run.Evictions;
        }

        Assert.True(returned > 1000 && evictions > 1000, $"{evictions} evictions, {returned} messages brought back: it was hardly tried");
    }

    /// <summary>On threads a message may be told between any two steps of those who move the shard.</summary>
    [Fact]
    public async Task A_shard_that_comes_and_goes_loses_nothing_and_keeps_order_on_real_threads()
    {
        const int Messages = 20_000;
        await using var kit = TestKitSystem.Threaded(static options => options with { Throughput = 8 });
        var probe = kit.CreateProbe();
        var log = new Log(Senders * Messages * Entities, probe.Ref);
        var shards = ShardRegion.StartDistributed(
            kit.System, "thing", id => Lambda.Props(() => log.Entity(id[0] - '0')), 1, new ShardRegionOptions { BufferCapacity = int.MaxValue }, Nothing.Instance, int.MaxValue);
        shards.Serve(0);
        var threads = Enumerable.Range(0, Senders).Select(sender => new Thread(() =>
        {
            for (var number = 0; number < Messages; number++)
            {
                shards.Region.Tell(new ShardEnvelope("0", (sender, number)));
                shards.Region.Tell(new ShardEnvelope("1", (sender, number)));
            }
        })).ToList();
        threads.ForEach(static thread => thread.Start());
        while (threads.Exists(static thread => thread.IsAlive))
        {
            var empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            shards.Evict(0, Log.Stop, empty.SetResult);
            await empty.Task;
            shards.Serve(0);
        }

        probe.ExpectMsg("all");
        Assert.Equal(0, log.Disorder);
        Assert.Equal((0, 0), (kit.System.Statistics.DeadLetters, kit.System.Statistics.Failures));
    }

    private sealed class Nothing : IShardRefusals
    {
        public static Nothing Instance { get; } = new();

        public bool CanRefuse(object message) => false;

        public void Refuse(object message, IActorRef? sender) => throw new InvalidOperationException();
    }

    /// <summary>What was handled, and whether each sender's messages came in their order.</summary>
    private sealed class Log(int total, IActorRef probe)
    {
        public const string Stop = "stop";

        private readonly int[] _next = new int[Senders * Entities];
        private int _handled;
        private int _disorder;

        public int Disorder => _disorder;

        public int Handled => _handled;

        public Lambda Entity(int entity)
        {
            var handled = 0;
            return new Lambda((me, message) =>
            {
                if (message is Stop)
                {
                    me.Ctx.Stop(me.Me);
                    return;
                }

                Handle(entity, ((int, int))message);
                if (++handled % 5 == 0)
                {
                    me.Ctx.Parent.Tell(new Passivate(Stop), me.Me);
                }
            });
        }

        public void Handle(int entity, (int Sender, int Number) message)
        {
            ref var next = ref _next[(message.Sender * Entities) + entity];
            if (message.Number != next++)
            {
                Interlocked.Increment(ref _disorder);
            }

            if (Interlocked.Increment(ref _handled) == total)
            {
                probe.Tell("all");
            }
        }
    }

    /// <summary>One schedule. The shard is here, at another node that handles some of what it is told and then gives the rest back, or nowhere.</summary>
    private sealed class Run(int seed) : IActorRef
    {
        private const int Messages = 25;
        private readonly Random _random = new(seed);
        private readonly List<(object Message, IActorRef? Sender)> _away = [];
        private TestKitSystem _kit = null!;
        private DistributedShards _shards = null!;
        private Log _log = null!;
        private bool _isHere;
        private bool _isAway;
        private bool _isEnding;

        public int Returned { get; private set; }

        public int Evictions { get; private set; }

        public ActorPath Path => _kit.System.DeadLetters.Path;

        public ActorSystem? System => _kit.System;

        public async Task PlayAsync()
        {
            await using var kit = _kit = TestKitSystem.Deterministic(seed, throughput: 1 + (seed % 3));
            var probe = kit.CreateProbe();
            _log = new Log(Senders * Messages * Entities, probe.Ref);
            _shards = ShardRegion.StartDistributed(kit.System, "thing", id => Lambda.Props(() => _log.Entity(id[0] - '0')), 1, new ShardRegionOptions(), Nothing.Instance);
            for (var i = 0; i < Senders; i++)
            {
                StartSender(i);
            }

            for (var step = 0; step < 60; step++)
            {
                Move();
                for (var turns = _random.Next(12); turns > 0; turns--)
                {
                    kit.Dispatcher!.RunOne();
                }
            }

            kit.RunUntilIdle();
            Settle();
            kit.RunUntilIdle();
            Assert.True(
                _log.Disorder == 0 && _log.Handled == Senders * Messages * Entities && _shards.CountHeld() == 0,
                $"seed {seed}: {_log.Handled} handled, {_log.Disorder} out of order, {_shards.CountHeld()} held");
            Assert.Equal((0, 0), (kit.System.Statistics.DeadLetters, kit.System.Statistics.Failures));
        }

        // The other node. What it was told last, it may never have got to.
        public void Tell(object message, IActorRef? sender = null) => _away.Add((message, sender));

        private void StartSender(int number)
        {
            var sent = 0;
            _kit.ActorOf(Lambda.Props((me, message) =>
            {
                _shards.Region.Tell(new ShardEnvelope("0", (number, sent)), me.Me);
                _shards.Region.Tell(new ShardEnvelope("1", (number, sent)), me.Me);
                if (++sent < Messages)
                {
                    me.Me.Tell(message);
                }
            })).Tell("go");
        }

        private void Move()
        {
            switch (_random.Next(4))
            {
                case 0 when _isHere:
                    Evictions++;
                    (_isHere, _isEnding) = (false, true);
                    _shards.Evict(0, Log.Stop, () => _isEnding = false);
                    break;
                case 0 when _isEnding:
                    _shards.Evict(0, Log.Stop, () => _isEnding = false);
                    break;
                case 1 when !_isHere && !_isEnding && !_isAway:
                    _isHere = true;
                    _shards.Serve(0);
                    break;
                case 2 when !_isHere && !_isEnding && !_isAway:
                    _isAway = true;
                    _shards.SendTo(0, this);
                    break;
                case 2 when _isAway:
                    ComeBack();
                    break;
                case 3 when _isHere:
                    _shards.Hold(0);
                    _kit.Dispatcher!.RunOne();
                    _shards.Serve(0);
                    break;
            }
        }

        private void ComeBack()
        {
            _isAway = false;
            _shards.Hold(0);
            var handled = _random.Next(_away.Count + 1);
            foreach (var (message, _) in _away.Take(handled))
            {
                var envelope = (ShardEnvelope)message;
                _log.Handle(envelope.EntityId[0] - '0', ((int, int))envelope.Message);
            }

            Returned += _away.Count - handled;
            _shards.Return(0, [.. _away.Skip(handled)]);
            _away.Clear();
        }

        private void Settle()
        {
            if (_isAway)
            {
                ComeBack();
            }

            _shards.Serve(0);
        }
    }
}
