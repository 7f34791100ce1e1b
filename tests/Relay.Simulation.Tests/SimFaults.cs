namespace Relay.Simulation.Tests;

/// <summary>What may happen to a cluster.</summary>
internal static class SimFaults
{
    public static void Strike(SimWorld world)
    {
        var random = world.Random;
        var living = world.Living.Where(static node => !node.IsLeaving).ToArray();
        var one = living.Length > 0 ? living[random.Next(living.Length)] : null;
        switch (random.Next(11))
        {
            case 0:
                one?.Pause(random.Next(50, 2500));
                break;
            case 1:
                one?.Pause(random.Next(3000, 9000));
                break;
            case 2:
                one?.Crash();
                Return(world, one);
                break;
            case 3 when living.Length > 1:
                one!.Leave();
                Return(world, one);
                break;
            case 4:
                world.Network.IsStoreUp = false;
                world.Note("the store is away");
                world.After(random.Next(100, 7000), () => world.Network.IsStoreUp = true);
                break;
            case 5:
                world.Note("the store forgets");
                world.Store.Forget();
                break;
            case 6:
                // A failover: what was done in the last moments never happened.
                var replica = world.Store.Snapshot();
                world.After(random.Next(10, 1200), () =>
                {
                    world.Note("the store goes back");
                    world.Store.GoBackTo(replica);
                });
                break;
            case 7:
                world.Note("the journal is away");
                world.Network.IsJournalUp = false;
                world.After(random.Next(50, 4000), () => world.Network.IsJournalUp = true);
                break;
            case 8:
                one?.LoseInbox(random.Next(20, 5000));
                break;
            case 9 when living.Length > 1:
                Cut(world, living);
                break;
            default:
                world.Network.StoreClockError += random.NextInt64(-3_600_000_000, 3_600_000_000);
                break;
        }
    }

    // In one direction or both, shorter or longer than anybody is patient.
    private static void Cut(SimWorld world, SimNode[] living)
    {
        world.Random.Shuffle(living);
        var (from, to) = (living[0].Id.Name, living[1].Id.Name);
        var isBoth = world.Random.Next(2) == 0;
        world.Note($"no way from {from} to {to}{(isBoth ? " and back" : "")}");
        world.Network.Cut(from, to);
        if (isBoth)
        {
            world.Network.Cut(to, from);
        }

        world.After(world.Random.Next(100, 8000), () =>
        {
            world.Network.Mend(from, to);
            world.Network.Mend(to, from);
        });
    }

    private static void Return(SimWorld world, SimNode? node)
    {
        if (node is not null && world.Random.Next(3) > 0)
        {
            world.After(world.Random.Next(100, 8000), () => world.Add(node.Id.Name));
        }
    }
}
