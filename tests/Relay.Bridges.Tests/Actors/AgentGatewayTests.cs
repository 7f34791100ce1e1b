using System.Net;
using System.Text;
using Relay.Bridges.Tests.Redis;
using Relay.Node.Agents;
using Relay.Redis.Bridge;
using Relay.Testing;

namespace Relay.Bridges.Tests.Actors;

public sealed class AgentGatewayTests
{
    private static readonly byte[] Request = "{\"request_id\":\"r1\"}"u8.ToArray();

    [Fact]
    public async Task A_request_is_pushed_to_the_list_and_its_answer_comes_elsewhere()
    {
        await using var server = await RedisServerProcess.StartAsync();
        await using var redis = RedisSetup.Client(server);
        var gateway = new RedisAgentGateway(redis, "relay:agent-requests");
        Assert.Null(await gateway.SendAsync(Request, CancellationToken.None));
        Assert.Equal(Request, (await redis.SendAsync("LPOP", "relay:agent-requests")).AsMemory().ToArray());
    }

    [Theory]
    [InlineData(HttpStatusCode.Accepted)]
    [InlineData(HttpStatusCode.NoContent)]
    public async Task A_webhook_may_answer_later(HttpStatusCode status) => Assert.Null(await AskAsync(status, ""));

    [Fact]
    public async Task A_webhooks_object_is_the_answer() =>
        Assert.Equal("{\"agent_name\":\"a\",\"content\":\"c\"}"u8.ToArray(), await AskAsync(HttpStatusCode.OK, "{\"agent_name\":\"a\",\"content\":\"c\"}"));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    public async Task An_answer_that_is_no_object_is_a_failure(string body) =>
        await Assert.ThrowsAsync<InvalidDataException>(() => AskAsync(HttpStatusCode.OK, body));

    [Fact]
    public async Task Another_status_is_named()
    {
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(HttpStatusCode.BadGateway, "x"));
        Assert.Equal(HttpStatusCode.BadGateway, error.StatusCode);
        Assert.Contains("502", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_huge_answer_is_not_read() =>
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(HttpStatusCode.OK, "{\"content\":\"" + new string('x', HttpAgentGateway.MaxAnswerBytes) + "\"}"));

    private static async Task<byte[]?> AskAsync(HttpStatusCode status, string body)
    {
        using var http = new HttpClient(new Webhook(status, body));
        return await new HttpAgentGateway(http, new Uri("http://agent.test/hook")).SendAsync(Request, CancellationToken.None);
    }

    private sealed class Webhook(HttpStatusCode status, string body) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal(HttpMethod.Post, request.Method);
            Assert.Equal("application/json", request.Content!.Headers.ContentType!.MediaType);
            Assert.Equal(Request, await request.Content.ReadAsByteArrayAsync(cancellationToken));
            return new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        }
    }
}
