using System.Text;

namespace Relay.Protocol.Tests;

public sealed class UpdatesEnvelopeTests
{
    [Theory]
    [InlineData("""{"target_user_id":"u1","type":"agent_update","payload":{}}""", "users/u1")]
    [InlineData("""{"target_user_id":"","type":"a"}""", "users")]
    [InlineData("""{"target_user_id":null,"type":"a"}""", "users")]
    [InlineData("""{"type":"a","payload":[1]}""", "users")]
    [InlineData("""{}""", "users")]
    [InlineData("""{"target_session_id":"s1","type":"agent_chunk"}""", "sessions/s1")]
    [InlineData("""{"target_project_id":"p1","type":"task_update"}""", "projects/p1")]
    [InlineData("""{"target_project_id":"p1","target_user_id":"u1","target_session_id":"s1"}""", "users/u1 sessions/s1 projects/p1")]
    [InlineData("""{"channel":"topics/x","target_user_id":"u1"}""", "topics/x")]
    [InlineData("""{"channel":null,"target_user_id":"u1"}""", "users/u1")]
    [InlineData("""{"type":"task_update","payload":{"project_id":"p9"}}""", "users projects/p9")]
    [InlineData("""{"type":"task_update","payload":{"project_id":9}}""", "users")]
    [InlineData("""{"type":"task_update","payload":{"project_id":"p9"},"target_user_id":"u1"}""", "users/u1")]
    [InlineData("""{"target_user_id":"u1","target_user_id":"u2"}""", "users/u2")]
    [InlineData("""{"target_\u0075ser_id":"\u00e9"}""", "users/é")]
    public void The_targets_decide_the_channels(string json, string channels)
    {
        Assert.True(UpdatesEnvelope.TryParse(Encoding.UTF8.GetBytes(json), out var envelope, out var fault));
        Assert.Equal(EnvelopeFault.None, fault);
        Assert.Equal(channels, string.Join(' ', envelope.Channels));
    }

    [Theory]
    [InlineData("nope", EnvelopeFault.NotJson)]
    [InlineData("", EnvelopeFault.NotJson)]
    [InlineData("{} {}", EnvelopeFault.NotJson)]
    [InlineData("""{"type":"a",}""", EnvelopeFault.NotJson)]
    [InlineData("null", EnvelopeFault.NotObject)]
    [InlineData("[]", EnvelopeFault.NotObject)]
    [InlineData("\"x\"", EnvelopeFault.NotObject)]
    [InlineData("""{"target_user_id":7}""", EnvelopeFault.WrongTarget)]
    [InlineData("""{"target_session_id":[]}""", EnvelopeFault.WrongTarget)]
    [InlineData("""{"target_project_id":{}}""", EnvelopeFault.WrongTarget)]
    [InlineData("""{"type":1}""", EnvelopeFault.WrongType)]
    [InlineData("""{"channel":"bad/x"}""", EnvelopeFault.InvalidChannel)]
    [InlineData("""{"channel":5}""", EnvelopeFault.InvalidChannel)]
    [InlineData("""{"target_user_id":"a\nb"}""", EnvelopeFault.InvalidTarget)]
    [InlineData("""{"target_user_id":"\ud800"}""", EnvelopeFault.InvalidTarget)]
    [InlineData("""{"id":true}""", EnvelopeFault.InvalidId)]
    [InlineData("""{"id":"\udfff"}""", EnvelopeFault.InvalidId)]
    public void What_cannot_be_routed_is_dropped_with_a_reason(string json, EnvelopeFault expected)
    {
        Assert.False(UpdatesEnvelope.TryParse(Encoding.UTF8.GetBytes(json), out _, out var fault));
        Assert.Equal(expected, fault);
    }

    [Fact]
    public void Invalid_utf8_is_no_json()
    {
        Assert.False(UpdatesEnvelope.TryParse(new byte[] { (byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}' }, out _, out var fault));
        Assert.Equal(EnvelopeFault.NotJson, fault);
    }

    [Fact]
    public void Payload_and_message_are_slices_of_what_was_read()
    {
        var raw = " { \"x\":1, \"type\" : \"report_chunk\",\"id\":12.50,\"payload\": {\"b\" :1e999,  \"a\":\"\\ud800\"} } "u8.ToArray();
        Assert.True(UpdatesEnvelope.TryParse(raw, out var envelope, out _));
        Assert.Equal("{\"b\" :1e999,  \"a\":\"\\ud800\"}", Encoding.UTF8.GetString(envelope.Payload.Span));
        Assert.True(envelope.Raw.Span.SequenceEqual(raw));
        Assert.Equal("report_chunk", envelope.Type);
        Assert.Equal("12.50", envelope.Id);
    }

    [Theory]
    [InlineData("""{"target_user_id":"u1","type":"agent_update","payload":{"a":[1,2]},"extra":1}""")]
    [InlineData("""{"type":"agent_update","payload":{}}""")]
    [InlineData("""{"target_session_id":"s1","type":"agent_update"}""")]
    [InlineData("""{"channel":"topics/x","type":"agent_update"}""")]
    public void A_message_to_a_channel_that_was_read_before_allocates_nothing(string json)
    {
        var raw = Encoding.UTF8.GetBytes(json);
        for (var i = 0; i < 100; i++)
        {
            Assert.True(UpdatesEnvelope.TryParse(raw, out _, out _));
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var read = UpdatesEnvelope.TryParse(raw, out var envelope, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(read);
        Assert.Single(envelope.Channels);
    }

    [Fact]
    public void Channels_that_push_each_other_out_of_the_cache_are_never_mixed_up()
    {
        for (var i = 0; i < 50_000; i++)
        {
            var user = "user-" + (i % 9000);
            Assert.True(UpdatesEnvelope.TryParse(Encoding.UTF8.GetBytes($$"""{"target_user_id":"{{user}}"}"""), out var envelope, out _));
            Assert.Equal("users/" + user, Assert.Single(envelope.Channels));
        }
    }
}
