using Relay.Protocol;

namespace Relay.Actors.Tests;

public sealed class KeepAliveTests
{
    [Theory]
    [InlineData(DialectKind.Context, 25)]
    [InlineData(DialectKind.Relay, 25)]
    [InlineData(DialectKind.Hooks, 25)]
    [InlineData(DialectKind.WebUi, 54)]
    [InlineData(DialectKind.Updates, 54)]
    public void A_ping_comes_once_in_every_interval(DialectKind kind, int seconds)
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(kind, request => request with { UserId = "u" });
        for (var i = 1; i <= 4; i++)
        {
            relay.Advance(seconds);
            client.TakeAll();
            client.Send("""{"type":"ping"}""");
            Assert.Equal(i, client.Pings);
        }
    }

    [Fact]
    public void Pings_of_many_clients_are_spread_over_the_interval()
    {
        using var relay = new RelayHarness();
        var clients = Enumerable.Range(0, 50).Select(_ => relay.Connect(DialectKind.Updates, request => request with { UserId = "u" })).ToList();
        relay.Advance(27);
        Assert.InRange(clients.Count(static client => client.Pings > 0), 15, 35);
    }

    [Fact]
    public void A_client_of_which_nothing_is_heard_for_60_seconds_is_dropped()
    {
        using var relay = new RelayHarness();
        var silent = relay.Connect(DialectKind.Hooks);
        var alive = relay.Connect(DialectKind.Hooks);
        silent.Mute = true;
        relay.Advance(59);
        Assert.False(silent.Transport.IsAborted);
        relay.Advance(1);
        Assert.True(silent.Transport.IsAborted);
        Assert.False(alive.Transport.IsAborted);
        Assert.Equal(1, relay.Relay.Connections.Count);
    }

    [Fact]
    public void The_limit_of_silence_is_that_of_the_profile()
    {
        using var relay = new RelayHarness();
        var dialect = Protocol.Dialects.Create(RelayJsonDialect.DefaultProfile with { IdleTimeout = TimeSpan.FromSeconds(5) });
        var client = relay.Connect(DialectKind.Relay, request => request with { Dialect = dialect });
        client.Mute = true;
        relay.Advance(5);
        Assert.True(client.Transport.IsAborted);
    }

    [Fact]
    public void A_message_that_is_not_completed_in_time_ends_the_connection()
    {
        using var relay = new RelayHarness();
        relay.Advance(3);
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        Assert.True(client.Connection.OnReadCompletedAsync(messageIncomplete: true).AsTask().IsCompletedSuccessfully);
        relay.Advance(10);
        Assert.True(client.Connection.OnReadCompletedAsync(messageIncomplete: true).AsTask().IsCompletedSuccessfully);
        relay.Advance(4);
        Assert.Empty(client.TakeAll());
        relay.Advance(1);
        Assert.Equal("closed 1008 Message not completed in time", Assert.Single(client.TakeAll()));
    }

    [Fact]
    public void A_message_that_is_completed_in_time_does_not()
    {
        using var relay = new RelayHarness();
        relay.Advance(3);
        var client = relay.Connect(DialectKind.Relay);
        client.TakeAll();
        Assert.True(client.Connection.OnReadCompletedAsync(messageIncomplete: true).AsTask().IsCompletedSuccessfully);
        relay.Advance(14);
        client.Send("""{"type":"ping"}""");
        relay.Settle();
        client.TakeAll();
        relay.Advance(20);
        Assert.Empty(client.TakeAll());
    }

    [Fact]
    public void The_deadline_is_for_one_message_not_for_a_stream_of_them()
    {
        using var relay = new RelayHarness();
        relay.Advance(3);
        var client = relay.Connect(DialectKind.Projects, request => request with { ProjectId = "p" });
        for (var i = 0; i < 5; i++)
        {
            client.Connection.OnMessage("{}"u8, false);
            Assert.True(client.Connection.OnReadCompletedAsync(messageIncomplete: true).AsTask().IsCompletedSuccessfully);
            relay.Advance(10);
        }

        Assert.Empty(client.TakeAll());
    }

    [Fact]
    public void A_client_that_does_not_take_its_close_frame_is_dropped_after_five_seconds()
    {
        using var relay = new RelayHarness();
        var client = relay.Connect(DialectKind.Relay);
        client.Transport.Room = 0;
        client.Connection.Close(1000, "bye");
        relay.Advance(5);
        Assert.False(client.Transport.IsAborted);
        Assert.Null(client.Transport.Linger);
        relay.Advance(1);
        Assert.True(client.Transport.IsAborted);
        Assert.Equal(0, relay.Relay.Connections.Count);
    }
}
