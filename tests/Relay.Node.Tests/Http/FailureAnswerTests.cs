using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Relay.Kernel;
using Relay.Node.Configuration;
using Relay.Node.Http;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.Http;

/// <summary>Requests whose handler throws, with the program's own log filters.</summary>
public sealed class FailureAnswerTests : IAsyncLifetime
{
    private readonly ErrorLog _errors = new();
    private WebApplication _app = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        var invocation = NodeInvocation.Read([], TextWriter.Null, TextWriter.Null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.AddRelayConfiguration(invocation, invocation.Options!);
        builder.Logging.AddProvider(_errors);
        builder.Services.AddRoutingCore();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.UseRelayFailureAnswers();
        _app.Use(static (context, next) => context.Request.Path == "/middle" ? throw new InvalidOperationException("provoked") : next(context));
        _app.MapGet("/fails/{id}", static (HttpContext _) => Task.FromException(new InvalidOperationException("provoked")));
        _app.MapGet("/late", static (HttpContext _) => Task.FromException(new AskTimeoutException("provoked")));
        _app.MapGet("/mistake", static (HttpContext _) => Task.FromException(new BadHttpRequestException("too much", 413)));
        _app.MapGet("/begun", static async (HttpContext context) =>
        {
            context.Response.ContentLength = 100;
            await context.Response.WriteAsync("half");
            throw new InvalidOperationException("provoked");
        });
        await _app.StartAsync();
        _http = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    public async Task DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    [Theory]
    [InlineData("/fails/secret-id?token=secret-token", "GET /fails/{id}")]
    [InlineData("/middle?token=secret-token", "GET no endpoint")]
    public async Task A_handler_that_fails_is_answered_500_in_JSON_and_logged_once_without_the_URL(string url, string logged)
    {
        using var answer = await _http.GetAsync(url);
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.False(body.RootElement.GetProperty("success").GetBoolean());
        Assert.Equal("INTERNAL_ERROR", body.RootElement.GetProperty("code").GetString());
        var line = Assert.Single(_errors.Lines);
        Assert.Contains(logged, line, StringComparison.Ordinal);
        Assert.Contains("provoked", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handler_that_fails_within_its_answer_cuts_it_off_and_is_logged_once()
    {
        await Assert.ThrowsAsync<HttpRequestException>(() => _http.GetStringAsync("/begun"));
        Assert.Contains("GET /begun", Assert.Single(_errors.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_channel_that_does_not_answer_is_503_and_a_mistake_of_the_client_its_own_status_and_neither_is_logged()
    {
        using var late = await _http.GetAsync("/late");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), late.Headers.RetryAfter!.Delta);
        Assert.Equal(
            """{"success":false,"code":"UNAVAILABLE","error":"The channel did not answer in time","retry_after_ms":1000}""", await late.Content.ReadAsStringAsync());
        using var mistake = await _http.GetAsync("/mistake");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, mistake.StatusCode);
        Assert.Empty(_errors.Lines);
    }
}
