using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Relay.Cli;

/// <summary>The HTTP interface of a node, with refusals as sentences.</summary>
internal sealed class Api : IDisposable
{
    private readonly Target _target;
    private readonly HttpClient _http;

    public Api(Target target)
    {
        _target = target;
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) }) { BaseAddress = target.Http, Timeout = TimeSpan.FromSeconds(30) };
        if (target.Key is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", target.Key);
        }
    }

    public Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) => AskAsync(HttpMethod.Get, path, null, cancellationToken);

    public Task<JsonElement> PostAsync(string path, object body, CancellationToken cancellationToken) => AskAsync(HttpMethod.Post, path, body, cancellationToken);

    public Task<JsonElement> DeleteAsync(string path, CancellationToken cancellationToken) => AskAsync(HttpMethod.Delete, path, null, cancellationToken);

    /// <summary>All pages of a list, as they come.</summary>
    public async IAsyncEnumerable<JsonElement> ListAsync(string path, string name, int most, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = "";
        for (var count = 0; count < most;)
        {
            var page = await GetAsync(With(With(path, "limit", Math.Min(1000, most - count).ToString(CultureInfo.InvariantCulture)), "after", after), cancellationToken);
            foreach (var one in page.Items(name).Take(most - count))
            {
                count++;
                yield return one;
            }

            if (page.Cell("next") is not { Length: > 0 } next)
            {
                yield break;
            }

            after = next;
        }
    }

    public static string With(string path, string name, string? value) =>
        string.IsNullOrEmpty(value) ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{name}={Uri.EscapeDataString(value)}";

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> AskAsync(HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new StringContent(JsonSerializer.Serialize(body, JsonSerializerOptions.Web), Encoding.UTF8, "application/json");
        }

        try
        {
            using var answer = await _http.SendAsync(request, cancellationToken);
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.IsSuccessStatusCode ? Parse(text, path) : throw Refused(answer.StatusCode, text, path);
        }
        catch (HttpRequestException problem)
        {
            throw new CliException(CommandLine.Unreachable, $"no relay answers at {_target.Http}: {problem.InnerException?.Message ?? problem.Message}. Is one running (./run.sh), and is --url its address?");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CliException(CommandLine.Unreachable, $"{_target.Http} did not answer within {_http.Timeout.TotalSeconds:0} s");
        }
    }

    private static JsonElement Parse(string text, string path)
    {
        try
        {
            return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            throw new CliException(CommandLine.Unreachable, $"what answers there is no relay: {path} is not JSON");
        }
    }

    private static CliException Refused(HttpStatusCode status, string text, string path)
    {
        try
        {
            var answer = JsonDocument.Parse(text).RootElement;
            var code = answer.Cell("code");
            return new CliException(CommandLine.Failed, $"{answer.Cell("error")} ({code}){CommandLine.Hint(code)}");
        }
        catch (JsonException)
        {
            return new CliException(
                status == HttpStatusCode.NotFound ? CommandLine.Unreachable : CommandLine.Failed,
                $"{path.Split('?')[0]}: {(int)status}{(status == HttpStatusCode.NotFound ? ". What answers there is no relay, or an older one" : "")}");
        }
    }
}

/// <summary>JSON as cells of a table.</summary>
internal static class JsonCells
{
    /// <summary>A member as text; empty where there is none.</summary>
    public static string Cell(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var member) ? member.ValueKind switch
        {
            JsonValueKind.String => member.GetString()!,
            JsonValueKind.Null or JsonValueKind.Undefined => "",
            JsonValueKind.True => "yes",
            JsonValueKind.False => "no",
            JsonValueKind.Array => string.Join(", ", member.EnumerateArray().Select(static one => one.ValueKind == JsonValueKind.String ? one.GetString() : one.GetRawText())),
            _ => member.GetRawText(),
        }
        : "";

    public static IEnumerable<JsonElement> Items(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.Array ? member.EnumerateArray() : [];
}
