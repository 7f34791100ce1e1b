using Relay.Actors.Bridges;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>updates</c>: each user sees what was sent to it and to all in the publisher's order, once, under every schedule.</summary>
public sealed class BridgeOrderTests
{
    [Fact]
    public void Every_user_sees_its_updates_and_those_to_all_in_order()
    {
        for (var seed = 0; seed < 150; seed++)
        {
            Run(seed);
        }
    }

    private static void Run(int seed)
    {
        var random = new Random(seed);
        using var relay = new RelayHarness(seed, throughput: random.Next(1, 5));
        string[] users = ["u0", "u1", "u2"];
        var clients = users.Concat(users).Select(user => (User: user, Client: relay.Connect(DialectKind.Updates, request => request with { UserId = user }))).ToList();
        var sent = new List<(string? User, string Text)>();
        var accepted = new List<Task<BridgeAccepted>>();
        for (var batch = 0; batch < 12; batch++)
        {
            var items = new List<BridgeItem>();
            for (var count = random.Next(1, 8); count > 0; count--)
            {
                var user = random.Next(4) == 0 ? null : users[random.Next(users.Length)];
                var target = user is null ? "null" : $"\"{user}\"";
                var text = $$"""{"target_user_id":{{target}},"type":"t","payload":{{sent.Count}}}""";
                sent.Add((user, text));
                items.Add(RelayHarness.ItemOf(text));
            }

            accepted.Add(relay.Relay.BridgeAsync(items, CancellationToken.None));
            for (var turns = random.Next(30); turns > 0 && relay.Step(random); turns--)
            {
            }
        }

        relay.Settle();
        Assert.All(accepted, static task => Assert.True(task.IsCompletedSuccessfully));
        foreach (var (user, client) in clients)
        {
            Assert.Equal(sent.Where(one => one.User is null || one.User == user).Select(static one => one.Text), client.TakeAll());
        }
    }
}
