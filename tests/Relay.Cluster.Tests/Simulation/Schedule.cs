using Relay.Cluster.Rules;
using Relay.Cluster.TestKit;

namespace Relay.Cluster.Tests.Simulation;

/// <summary>
/// One random life of a cluster, all from its seed: nodes that start, pause, crash, leave and come back; a network that delays, loses and reorders; a store that is away,
/// forgets everything, goes back in time, or whose clock jumps; operators who drain nodes and take that back, and pin shards. Then everything is well again, and the cluster has to settle.
/// </summary>
internal static class Schedule
{
    private const double Trouble = 30;

    // A call delayed in the last moment of trouble is taken up to 9 s later; then one silence, one join, the moves.
    private const double Settled = Trouble + 30;

    public static World Run(int seed, SimulatedStore? store = null, Func<int, ClusterTimes>? times = null, bool keepLog = false)
    {
        var world = new World(seed, shards: 4 + (seed % 9), movesAtOnce: 1 + (seed % 4), store) { KeepsLog = keepLog };
        var random = world.Random;
        world.Network.Badness = random.Next(3) / 2.0;

        var count = random.Next(2, 6);
        for (var i = 0; i < count; i++)
        {
            var name = $"n{i}";
            var own = times?.Invoke(i);

            // Clocks that run wrong by up to 5 per cent; the margin allows for 14.
            var rate = 0.95 + (random.NextDouble() / 10);
            world.After(random.Next(2) == 0 ? 0 : random.Next(15_000_000), () => world.Add(name, rate, own));
        }

        for (var faults = random.Next(1, 9); faults > 0; faults--)
        {
            world.After((long)(random.NextDouble() * Trouble * 1e6), () => Fault(world));
        }

        world.RunUntil(Trouble);
        world.Network.Badness = 0;
        world.IsStoreUp = true;
        world.RunUntil(Trouble + 20);
        world.CountMoves();
        world.RunUntil(Settled);
        world.Check("all is well");
        world.CheckSettled();
        if (world.Moves.Values.Any(static moves => moves > 1))
        {
            throw world.Broken("a shard moved more than once after the members were settled");
        }

        var version = world.Store.Version;
        world.RunUntil(Settled + 10);
        world.CheckSettled();
        return world.Store.Version == version ? world : throw world.Broken("owners changed although nothing happened");
    }

    private static void Fault(World world)
    {
        var random = world.Random;
        var living = world.Living.ToArray();
        var one = living.Length > 0 ? living[random.Next(living.Length)] : null;
        switch (random.Next(11))
        {
            case 0:
                one?.Pause(random.Next(100_000, 3_000_000));
                break;
            case 1:
                one?.Pause(random.Next(3_000_000, 15_000_000));
                break;
            case 2:
                one?.Crash();
                Return(world, one);
                break;
            case 3:
                if (living.Length > 1)
                {
                    // With clients it still has to send away, or without.
                    one!.Leave(stays: random.Next(2) == 0);
                    world.After(random.Next(100_000, 10_000_000), () => one.Leave());
                    Return(world, one);
                }

                break;
            case 4:
                world.IsStoreUp = false;
                world.After(random.Next(100_000, 12_000_000), () => world.IsStoreUp = true);
                break;
            case 5:
                world.LostMemory = true;
                world.Store.Forget();
                break;
            case 6:
                var replica = world.Store.Snapshot();
                world.LostMemory = true;
                world.After(random.Next(10_000, 3_000_000), () => world.Store.GoBackTo(replica));
                break;
            case 7:
                // From an hour back to a year ahead.
                world.JumpStoreClock(random.Next(2) == 0 ? random.NextInt64(-3_600_000_000, 0) : random.NextInt64(31_536_000_000_000));
                break;
            case 8:
                if (living.Length > 1)
                {
                    one!.Drain(random.Next(100_000, 10_000_000));
                }

                break;
            case 9:
                world.Pin(random.Next(world.Shards), random.Next(3) == 0 ? null : one?.Id);
                break;
            default:
                foreach (var node in living)
                {
                    node.Pause(random.Next(100_000, 9_000_000));
                }

                break;
        }
    }

    private static void Return(World world, SimulatedNode? node)
    {
        if (node is not null && world.Random.Next(3) > 0)
        {
            world.After(world.Random.Next(100_000, 10_000_000), () => world.Add(node.Id.Name));
        }
    }
}
