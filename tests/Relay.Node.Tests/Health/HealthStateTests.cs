using Relay.Node.Health;

namespace Relay.Node.Tests.Health;

public sealed class HealthStateTests
{
    [Fact]
    public void A_node_is_ready_when_every_part_is_well()
    {
        var health = new HealthState();
        Assert.False(health.IsReady);
        health.Ok("node");
        Assert.True(health.IsReady);
        health.Fail("redis", "connection refused");
        Assert.False(health.IsReady);
        health.Ok("redis");
        Assert.True(health.IsReady);
    }

    [Fact]
    public void Only_news_is_news()
    {
        var health = new HealthState();
        Assert.True(health.Fail("redis", "connection refused"));
        Assert.False(health.Fail("redis", "connection refused"));
        Assert.True(health.Fail("redis", "timeout"));
        Assert.True(health.Ok("redis"));
        Assert.False(health.Ok("redis"));
    }

    [Fact]
    public void A_part_that_is_gone_says_nothing()
    {
        var health = new HealthState();
        health.Ok("node");
        health.Fail("postgres", "locked");
        health.Remove("postgres");
        Assert.True(health.IsReady);
    }

    [Fact]
    public void A_snapshot_does_not_change_under_its_reader()
    {
        var health = new HealthState();
        health.Ok("redis");
        var before = health.Parts;
        health.Fail("redis", "timeout");
        Assert.Null(before["redis"]);
        Assert.Equal("timeout", health.Parts["redis"]);
    }

    [Fact]
    public void What_is_missing_on_every_node_alike_is_told_and_makes_none_unready()
    {
        var health = new HealthState();
        health.Ok("node");
        health.Impair("journal-redis-b", "away");
        var answer = HealthEndpoints.Describe(health);
        Assert.Equal("ready", answer.Status);
        Assert.True(health.IsReady);
        Assert.Empty(answer.Reasons);
        Assert.Equal("away", answer.Impaired["journal-redis-b"]);
        health.Impair("journal-redis-b", null);
        Assert.Empty(HealthEndpoints.Describe(health).Impaired);
    }

    [Fact]
    public void The_answer_names_reasons_and_parts()
    {
        var health = new HealthState();
        health.Ok("node");
        health.Fail("redis", "connection refused");
        var answer = HealthEndpoints.Describe(health);
        Assert.Equal("unready", answer.Status);
        Assert.Equal("connection refused", Assert.Single(answer.Reasons).Value);
        Assert.Equal(["node", "redis"], answer.Parts, StringComparer.Ordinal);
        health.Ok("redis");
        Assert.Equal("ready", HealthEndpoints.Describe(health).Status);
        Assert.Equal("unready", HealthEndpoints.Describe(new HealthState()).Status);
    }

    [Fact]
    public void Reports_of_many_threads_are_all_kept()
    {
        var health = new HealthState();
        Parallel.For(0, 1000, i => health.Ok("part-" + i));
        Assert.Equal(1000, health.Parts.Count);
    }
}
