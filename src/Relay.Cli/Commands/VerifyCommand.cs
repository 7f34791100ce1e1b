using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Relay.Client;
using Spectre.Console;

namespace Relay.Cli.Commands;

/// <summary><c>relay verify</c>: is it reachable, what does each client family hear, does an event come through; and what to do where not.</summary>
internal static class VerifyCommand
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);

    // What each family hears first (docs/protocols.md); empty = nothing until something happens.
    private static readonly (string Dialect, string Path, string? Protocol, string First)[] Dialects =
    [
        ("relay", "/relay", null, "connected"),
        ("context", "/ws", "relay.context", "connected"),
        ("hooks", "/", "relay.hooks", "system.status"),
        ("webui", "/ws", null, "system_message"),
        ("updates", "/ws?userId=relay-verify", null, ""),
        ("projects", "/ws?project_id=00000000-0000-0000-0000-000000000000", null, ""),
    ];

    public static Command Create(Screen screen)
    {
        var command = new Command("verify", "Check that a relay is reachable, ready, speaks each dialect and delivers.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var target = Target.Of(parsed);
            var checks = new List<Check> { await HttpAsync(target, "/live", "it lives", cancellationToken) };
            if (checks[0].IsWell)
            {
                checks.Add(await HttpAsync(target, "/ready", "it is ready", cancellationToken));
                foreach (var (dialect, path, protocol, first) in Dialects)
                {
                    checks.Add(await DialectAsync(target, dialect, path, protocol, first, cancellationToken));
                }

                checks.Add(await DeliveryAsync(target, cancellationToken));
            }

            foreach (var check in checks)
            {
                if (screen.IsForPeople(parsed))
                {
                    screen.Terminal().MarkupLine($"{(check.IsWell ? "[green]ok[/]  " : "[red]FAIL[/]")} {Markup.Escape(check.What)} [grey]{check.Milliseconds:0} ms[/] {Markup.Escape(check.Said)}");
                }
                else
                {
                    screen.Write(new { check.What, ok = check.IsWell, check.Milliseconds, check.Said });
                }
            }

            return checks.TrueForAll(static check => check.IsWell) ? CommandLine.Done : checks[0].IsWell ? CommandLine.Failed : CommandLine.Unreachable;
        });
        return command;
    }

    private static async Task<Check> HttpAsync(Target target, string path, string what, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = target.Http, Timeout = Bound };
        return await TimeAsync(what, async () =>
        {
            using var answer = await http.GetAsync(path, cancellationToken);
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            return answer.IsSuccessStatusCode ? null
                : answer.StatusCode == HttpStatusCode.NotFound ? "what answers there is no relay"
                : $"{path} says {(int)answer.StatusCode}: {text.ReplaceLineEndings(" ")}";
        });
    }

    private static Task<Check> DialectAsync(Target target, string dialect, string path, string? protocol, string first, CancellationToken cancellationToken) => TimeAsync($"{dialect} clients get in", async () =>
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Bound);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (protocol is not null)
        {
            socket.Options.AddSubProtocol(protocol);
        }

        if (target.Key is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + target.Key);
        }

        try
        {
            await socket.ConnectAsync(target.WebSocket(path), limit.Token);
        }
        catch (WebSocketException) when (socket.HttpStatusCode != default(HttpStatusCode))
        {
            return Diagnose(socket.HttpStatusCode);
        }

        if (first.Length == 0)
        {
            return null;
        }

        var buffer = new byte[64 * 1024];
        var frame = await socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
        if (frame.MessageType == WebSocketMessageType.Close)
        {
            return $"closed at once: {(int?)socket.CloseStatus} {socket.CloseStatusDescription}";
        }

        using var document = JsonDocument.Parse(buffer.AsMemory(0, frame.Count));
        var said = document.RootElement.Cell("type");
        return said == first ? null : $"the first frame is {said}, not {first}: is that another dialect's listener?";
    });

    private static Task<Check> DeliveryAsync(Target target, CancellationToken cancellationToken) => TimeAsync("an event comes through", async () =>
    {
        var channel = $"topics/relay-verify-{Guid.NewGuid():N}";
        await using var relay = target.Connect(Bound);
        await using var heard = relay.Subscribe(channel);
        await relay.PresenceAsync(channel, cancellationToken);
        var published = await relay.PublishAsync(channel, "system.info", "verify", cancellationToken: cancellationToken);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Bound);
        await foreach (var item in heard.WithCancellation(limit.Token))
        {
            return item is RelayEvent one && one.Place == published.Place ? null : "another one came";
        }

        return "nothing came";
    });

    private static async Task<Check> TimeAsync(string what, Func<Task<string?>> act)
    {
        var began = TimeProvider.System.GetTimestamp();
        string? wrong;
        try
        {
            wrong = await act();
        }
        catch (RelayRefusedException refused)
        {
            wrong = refused.Message + CommandLine.Hint(refused.Code);
        }
        catch (HttpRequestException problem)
        {
            wrong = problem.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused }
                ? "nobody listens there: start one with ./run.sh, or give its address with --url"
                : problem.InnerException?.Message ?? problem.Message;
        }
        catch (Exception problem) when (problem is WebSocketException or TimeoutException or OperationCanceledException or JsonException or IOException)
        {
            wrong = problem is OperationCanceledException or TimeoutException ? $"no answer within {Bound.TotalSeconds:0} s: does a proxy in between pass WebSockets on?" : problem.Message;
        }

        return new Check(what, wrong is null, TimeProvider.System.GetElapsedTime(began).TotalMilliseconds, wrong ?? "");
    }

    private static string Diagnose(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "401" + CommandLine.Hint("UNAUTHORIZED"),
        HttpStatusCode.Forbidden => "403: the key has no right to it, or an Origin is not allowed (Auth:Origins)",
        HttpStatusCode.ServiceUnavailable => "503: the node is full or leaving; see /ready",
        HttpStatusCode.TooManyRequests => "429: too many connections or handshakes from this address (Limits)",
        HttpStatusCode.NotFound => "404: the listener at this address is another dialect's, or a proxy does not pass this path on",
        HttpStatusCode.UpgradeRequired or HttpStatusCode.BadRequest => $"{(int)status}: a proxy in between takes the upgrade away",
        _ => ((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private sealed record Check(string What, bool IsWell, double Milliseconds, string Said);
}
