using System.Text;
using Relay.Redis.Bridge;
using Relay.Redis.Commands;
using Relay.Testing;

namespace Relay.Bridges.Tests.Redis;

public sealed class RedisGlobTests
{
    private static readonly string[] Patterns =
    [
        "*", "a*", "*a", "*a*b*", "a?c", "?", "", "[abc]", "[^abc]", "[a-c]x", "[c-a]x", "\\*", "a\\", "[", "[a", "[^", "[]", "[\\]]", "**b", "a[-]c", "[a-]", "h[ae]llo*w\\?", "*.[0-9]",
    ];

    [Fact]
    public async Task It_matches_what_Redis_matches()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = RedisSetup.Client(server);
        var random = new Random(7);
        const string Letters = "abcx*?[]^-\\.1";
        var names = Enumerable.Range(0, 3000).Select(_ => Text(0, 6)).Concat(["hello w?", "hallo, w?", "hullo w?"]).Distinct(StringComparer.Ordinal).ToList();
        foreach (var name in names)
            await redis.SetAsync(name, "");
        foreach (var pattern in Patterns.Concat(Enumerable.Range(0, 500).Select(_ => Text(1, 7))))
        {
            // KEYS uses the same matcher as PSUBSCRIBE.
            var expected = (await redis.SendAsync("KEYS", pattern)).Items.ToArray().Select(static key => key.AsString()!).Order(StringComparer.Ordinal);
            var found = names.Where(name => RedisGlob.Matches(Encoding.UTF8.GetBytes(pattern), Encoding.UTF8.GetBytes(name))).Order(StringComparer.Ordinal);
            Assert.True(expected.SequenceEqual(found, StringComparer.Ordinal), $"pattern '{pattern}'");
        }

        string Text(int least, int most) => string.Concat(Enumerable.Range(0, random.Next(least, most)).Select(_ => Letters[random.Next(Letters.Length)]));
    }

    [Fact]
    public void A_hostile_channel_name_costs_no_exponential_time() =>
        Assert.False(RedisGlob.Matches("*a*a*a*a*a*a*a*a*a*a*b"u8, Encoding.ASCII.GetBytes(new string('a', 2000))));
}
