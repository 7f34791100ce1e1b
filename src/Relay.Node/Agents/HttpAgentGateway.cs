using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Relay.Actors.Agents;

namespace Relay.Node.Agents;

/// <summary>An agent behind a webhook (protocols.md, <c>webui</c>): each request is posted as JSON.</summary>
/// <param name="http">Its maker's; the time-out is the caller's token.</param>
/// <param name="url">Where to post.</param>
public sealed class HttpAgentGateway(HttpClient http, Uri url) : IAgentGateway
{
    /// <summary>Largest answer: a chat message of that size is no answer, and it must not fill the node.</summary>
    public const int MaxAnswerBytes = 1024 * 1024;

    /// <inheritdoc/>
    /// <returns>The JSON object of a 200; null for 202 and 204, when the answer comes through <c>updates</c>.</returns>
    /// <exception cref="HttpRequestException">Not reached, another status (in the text and in <see cref="HttpRequestException.StatusCode"/>), or an answer that is too large.</exception>
    /// <exception cref="InvalidDataException">A 200 without a JSON object.</exception>
    public async Task<byte[]?> SendAsync(ReadOnlyMemory<byte> requestJson, CancellationToken cancellationToken)
    {
        using var content = new ReadOnlyMemoryContent(requestJson);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = content };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => await ReadAsync(response.Content, cancellationToken),
            HttpStatusCode.Accepted or HttpStatusCode.NoContent => null,
            var other => throw new HttpRequestException($"the agent answered {(int)other}", inner: null, other),
        };
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        // Fails as HttpRequestException beyond the bound, whatever Content-Length says.
        await content.LoadIntoBufferAsync(MaxAnswerBytes, cancellationToken);
        var answer = await content.ReadAsByteArrayAsync(cancellationToken);
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.ValueKind == JsonValueKind.Object ? answer : throw new InvalidDataException("the agent's answer is no JSON object");
        }
        catch (JsonException wrong)
        {
            throw new InvalidDataException("the agent's answer is not JSON", wrong);
        }
    }
}
