using System.Text;

namespace Relay.Protocol.Tests;

public sealed class DatabaseNotificationTests
{
    [Theory]
    [InlineData("""{"channel":"agents/a","event":"session.created","data":{"id": 1},"timestamp":5}""", "agents/a session.created {\"id\": 1} > agents/a global")]
    [InlineData("""{"channel":"global","event":"x"}""", "global x  > global")]
    public void A_notification_goes_to_its_channel_and_to_global(string json, string expected)
    {
        Assert.True(DatabaseNotification.TryParse(Encoding.UTF8.GetBytes(json), out var read, out var fault));
        Assert.Equal(EnvelopeFault.None, fault);
        Assert.Equal(expected, $"{read.Channel} {read.Event} {Encoding.UTF8.GetString(read.Data.Span)} > {string.Join(' ', read.Channels)}");
    }

    [Theory]
    [InlineData("{", EnvelopeFault.NotJson)]
    [InlineData("7", EnvelopeFault.NotObject)]
    [InlineData("""{"event":"x"}""", EnvelopeFault.InvalidChannel)]
    [InlineData("""{"channel":3,"event":"x"}""", EnvelopeFault.InvalidChannel)]
    [InlineData("""{"channel":"tasks","event":"x"}""", EnvelopeFault.InvalidChannel)]
    [InlineData("""{"channel":"global"}""", EnvelopeFault.WrongType)]
    [InlineData("""{"channel":"global","event":""}""", EnvelopeFault.WrongType)]
    [InlineData("""{"channel":"global","event":{}}""", EnvelopeFault.WrongType)]
    public void What_names_no_channel_or_event_is_dropped_with_a_reason(string json, EnvelopeFault expected)
    {
        Assert.False(DatabaseNotification.TryParse(Encoding.UTF8.GetBytes(json), out _, out var fault));
        Assert.Equal(expected, fault);
    }
}
