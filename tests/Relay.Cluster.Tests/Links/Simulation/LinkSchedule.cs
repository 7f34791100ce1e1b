using Relay.Cluster.Links;

namespace Relay.Cluster.Tests.Links.Simulation;

/// <summary>
/// One random life of some linked nodes, all from its seed: traffic over a network that loses, repeats, delays and reorders; pauses, lost inboxes, cut ways, resets, members that are taken
/// for gone, crashes. Then all is well, and everything has to arrive.
/// </summary>
internal static class LinkSchedule
{
    /// <summary>Bytes of the largest messages beyond their head.</summary>
    public const int Largest = 5000;

    private const double Trouble = 8000;

    public static LinkWorld Run(int seed, Tamper? tamper = null, List<string>? log = null)
    {
        var world = new LinkWorld(seed, tamper) { Log = log };
        var random = world.Random;
        world.Badness = random.Next(4) / 3.0;
        world.Reorders = random.Next(2) == 0;
        var options = new LinkOptions
        {
            MaxFrame = random.Next(2) == 0 ? 1024 : 4096,
            Window = random.Next(2) == 0 ? 3000 : 20_000,
            MaxUnacked = random.Next(2) == 0 ? 20_000 : 200_000,
        };

        var count = random.Next(2, 5);
        for (var i = 0; i < count; i++)
        {
            var name = $"n{i}";
            world.After(random.Next(2) == 0 ? 0 : random.Next(1000), () =>
            {
                world.Add(name, options);
                TellMembers(world);
            });
        }

        for (var bursts = random.Next(10, 60); bursts > 0; bursts--)
        {
            world.After(random.NextDouble() * (Trouble + 1000), () => Burst(world));
        }

        for (var faults = random.Next(0, 8); faults > 0; faults--)
        {
            world.After(random.NextDouble() * Trouble, () => Fault(world, options));
        }

        world.Advance(Trouble);
        world.Badness = 0;
        world.IsStoreUp = true;
        world.MendAll();

        // The longest pause or delay that began in the last moment, then some of the longest waits between attempts.
        world.Advance(20_000);
        world.CheckSettled();
        return world;
    }

    private static void Burst(LinkWorld world)
    {
        if (Two(world) is not var (from, to))
        {
            return;
        }

        var random = world.Random;
        var (messages, size) = random.Next(4) switch
        {
            0 => (1, random.Next(50)),
            1 => (random.Next(200), random.Next(50)),
            2 => (random.Next(30), random.Next(1000)),
            _ => (random.Next(5), random.Next(Largest)),
        };
        from.Run(() => from.Send(to.Id, messages, size));
    }

    private static void Fault(LinkWorld world, LinkOptions options)
    {
        if (Two(world) is not var (one, other))
        {
            return;
        }

        var random = world.Random;
        switch (random.Next(9))
        {
            case 0:
                one.Pause(random.Next(100, 3000));
                break;
            case 1:
                one.LoseInbox(random.Next(1, 3000));
                break;
            case 2:
                world.IsStoreUp = false;
                world.After(random.Next(100, 3000), () => world.IsStoreUp = true);
                break;
            case 3:
                world.Cut(one.Id.Name, other.Id.Name);
                world.After(random.Next(100, 3000), () => world.Mend(one.Id.Name, other.Id.Name));
                break;
            case 4:
                one.Run(() => one.Links.Reset(other.Id));
                break;
            case 5:
                one.Run(() => one.Links.Reset(other.Id));
                other.Run(() => other.Links.Reset(one.Id));
                break;
            case 6:
                // Taken for gone by one of them, for a while.
                one.Run(() => one.Links.SetPeers([.. world.Living.Where(node => node != other).Select(static node => node.Id)]));
                world.After(random.Next(0, 2000), () => TellMembers(world));
                break;
            case 7:
                one.Crash();
                TellMembers(world);
                world.After(random.Next(100, 2000), () =>
                {
                    world.Add(one.Id.Name, options);
                    TellMembers(world);
                });
                break;
            default:
                foreach (var node in world.Living)
                {
                    node.LoseInbox(random.Next(1, 1000));
                }

                break;
        }
    }

    private static void TellMembers(LinkWorld world)
    {
        foreach (var node in world.Living)
        {
            world.After(world.Random.Next(2) == 0 ? 0 : world.Random.Next(1500), () => node.Run(() =>
                node.Links.SetPeers([.. world.Living.Select(static member => member.Id)])));
        }
    }

    private static (LinkNode One, LinkNode Other)? Two(LinkWorld world)
    {
        var living = world.Living.ToArray();
        if (living.Length < 2)
        {
            return null;
        }

        world.Random.Shuffle(living);
        return (living[0], living[1]);
    }
}
