using Relay.Kernel.Persistence;
using Relay.Storage.Journals.Redis;
using Relay.Storage.Tests.Support;
using Relay.Testing;

namespace Relay.Storage.Tests.Journals;

/// <summary>A Redis that goes away and comes back.</summary>
public sealed class RedisFaultTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Nothing_done_is_lost_or_doubled_when_the_server_is_killed_in_the_middle()
    {
        using var log = new LogLines();
        await using var redis = await fixture.ClientAsync();
        await using var journal = new RedisJournal(redis, new RedisJournalOptions { Prefix = fixture.NewPrefix() }, log);
        await journal.OpenAsync(Make.Open("room/1")).DoneAsync();
        await journal.AppendAsync(Make.Append("room/1", 1, 10)).DoneAsync();
        var head = 10L;
        await fixture.Server.KillAsync();
        var refused = await journal.AppendAsync(Make.Append("room/1", head + 1));
        Assert.Equal(JournalOutcome.Unavailable, refused.Outcome);
        Assert.NotNull(journal.Illness);
        Assert.Single(log.Of(95));

        await fixture.Server.StartAgainAsync();
        await Eventually.Until(() => journal.Illness is null);

        var repeated = await journal.AppendAsync(Make.Append("room/1", head + 1));
        Assert.True(repeated.IsDone, repeated.Reason);
        Assert.Equal(Enumerable.Range(1, 11).Select(static i => (long)i), (await journal.AllAsync("room/1")).Offsets());
        Assert.Single(log.Of(96));
    }
}
