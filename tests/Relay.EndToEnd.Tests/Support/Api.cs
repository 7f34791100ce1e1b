using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>An answer over HTTP.</summary>
internal sealed record Answer(int Status, string Body, HttpResponseHeaders Headers)
{
    public JsonElement Json => Support.Json.Parse(Body);

    public string? Header(string name) => Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}

/// <summary>HTTP to a node.</summary>
internal static class Api
{
    private static readonly HttpClient Client = new() { Timeout = TimeSpan.FromSeconds(60) };

    public static Task<Answer> GetAsync(this NodeProcess node, string path, string listener = "main", string? bearer = null) =>
        SendAsync(node, HttpMethod.Get, path, null, listener, bearer);

    public static Task<Answer> PostAsync(this NodeProcess node, string path, string body, string listener = "main", string? bearer = null) =>
        SendAsync(node, HttpMethod.Post, path, body, listener, bearer);

    public static async Task<Answer> SendAsync(
        this NodeProcess node, HttpMethod method, string path, string? body = null, string listener = "main", string? bearer = null, string? origin = null)
    {
        using var request = new HttpRequestMessage(method, node.Http(path, listener));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
            if (method == HttpMethod.Options)
            {
                // As browsers ask before they let a page post.
                request.Headers.Add("Access-Control-Request-Method", "POST");
            }
        }

        using var response = await Client.SendAsync(request);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers);
    }

    /// <summary>Clients of the context family on this node, as <c>/stats</c> says.</summary>
    public static async Task<long> ConnectedClientsAsync(this NodeProcess node) => (await node.GetAsync("/stats?scope=node")).Json.Number("connectedClients");
}
