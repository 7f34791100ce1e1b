using System.CommandLine;
using System.Text.Json;
using Relay.Client;
using Spectre.Console;

namespace Relay.Cli.Commands;

/// <summary><c>relay monitor</c>: what passes, as it passes.</summary>
internal static class MonitorCommand
{
    private static readonly string[] Everything = ["global", "hooks", "metrics", "topics/**", "agents/**", "sessions/**", "projects/**", "users/**"];

    public static Command Create(Screen screen)
    {
        var channels = new Argument<string[]>("channels") { Arity = ArgumentArity.ZeroOrMore, Description = "Channels and patterns (agents/*, topics/**); none = all." };
        var events = new Option<string[]>("--event") { Description = "Only these events, such as task.*.", AllowMultipleArgumentsPerToken = true };
        var agent = new Option<string?>("--agent") { Description = "Only what names this agent." };
        var session = new Option<string?>("--session") { Description = "Only what names this session." };
        var text = new Option<string?>("--text") { Description = "Only what holds this text." };
        var last = new Option<int?>("--last") { Description = "Begin with so many earlier events of each channel." };
        var count = new Option<int?>("--count") { Description = "End after so many." };
        var command = new Command("monitor", "Show events as they pass; JSON lines when piped. Ends with Ctrl-C.") { channels, events, agent, session, text, last, count };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var relay = Target.Of(parsed).Connect();
            var wanted = parsed.GetValue(channels) is { Length: > 0 } named ? named : Everything;
            var filter = new MonitorFilter(parsed.GetValue(agent), parsed.GetValue(session), parsed.GetValue(text));
            var subscriptions = wanted.Select(one => relay.Subscribe(one, new SubscribeOptions
            {
                Last = Pattern(one) ? null : parsed.GetValue(last),
                Events = parsed.GetValue(events) is { Length: > 0 } some ? some : null,
            })).ToList();

            // Also says at once when nobody answers, or lets this one in.
            await PublishCommand.Answered(relay.PresenceAsync("global", cancellationToken));
            var isForPeople = screen.IsForPeople(parsed);
            relay.ConnectionChanged += isConnected => screen.Error.WriteLine(isConnected ? "relay: connected" : "relay: the connection is gone; coming back");
            var left = parsed.GetValue(count) ?? int.MaxValue;
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var turn = new Lock();
            var reading = subscriptions.Select(one => ReadAsync(one, wanted.Length == Everything.Length && Pattern(one.Channel), item =>
            {
                lock (turn)
                {
                    if (left > 0 && filter.Takes(item))
                    {
                        Show(screen, item, isForPeople);
                        if (--left == 0)
                        {
                            over.Cancel();
                        }
                    }
                }
            }, over.Token)).ToList();
            await Task.WhenAll(reading);
            return CommandLine.Done;
        });
        return command;
    }

    private static bool Pattern(string channel) => channel.Contains('*', StringComparison.Ordinal);

    // Of everything, what this key may not hear is left out.
    private static async Task ReadAsync(RelaySubscription subscription, bool mayBeRefused, Action<RelayItem> show, CancellationToken over)
    {
        try
        {
            await foreach (var item in subscription.WithCancellation(over))
            {
                show(item);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
        catch (RelayRefusedException) when (mayBeRefused)
        {
            // As said.
        }
    }

    private static void Show(Screen screen, RelayItem item, bool isForPeople)
    {
        if (!isForPeople)
        {
            screen.Write(item switch
            {
                RelayEvent one => new { one.Channel, @event = one.Name, one.Data, one.Id, one.Key, timestamp = one.Time.ToUnixTimeMilliseconds(), one.Place?.Epoch, one.Place?.Offset },
                RelayGap gap => new { type = "gap", gap.Channel, gap.Epoch, from = gap.First, to = gap.Last },
                _ => (object)item,
            });
            return;
        }

        var line = item switch
        {
            RelayEvent one => $"[grey]{one.Time.ToLocalTime():HH:mm:ss.fff}[/] [blue]{Markup.Escape(one.Channel)}[/] [bold {Colour(one.Name)}]{Markup.Escape(one.Name)}[/] {Markup.Escape(one.Data.ValueKind == JsonValueKind.Undefined ? "" : one.Data.GetRawText())}",
            RelayGap gap => $"[yellow]{Markup.Escape(gap.Channel)}: events are missing{(gap.First > 0 ? $", {gap.First} to {gap.Last}" : "")}[/]",
            _ => "",
        };
        screen.Terminal().MarkupLine(line);
    }

    private static string Colour(string name) => name switch
    {
        _ when name.Contains("fail", StringComparison.Ordinal) || name.Contains("error", StringComparison.Ordinal) => "red",
        _ when name.EndsWith("completed", StringComparison.Ordinal) || name.EndsWith("done", StringComparison.Ordinal) => "green",
        _ => "white",
    };
}

/// <summary>What of the events is shown. The relay filters by name; what stands in the payload only the reader knows.</summary>
internal sealed record MonitorFilter(string? Agent, string? Session, string? Text)
{
    public bool Takes(RelayItem item) => item is not RelayEvent one
        || ((Agent is null || one.Channel == "agents/" + Agent || Names(one.Data, "agent_id", Agent) || Names(one.Data, "agent_name", Agent))
            && (Session is null || one.Channel == "sessions/" + Session || Names(one.Data, "session_id", Session))
            && (Text is null || one.Name.Contains(Text, StringComparison.OrdinalIgnoreCase) || (one.Data.ValueKind != JsonValueKind.Undefined && one.Data.GetRawText().Contains(Text, StringComparison.OrdinalIgnoreCase))));

    private static bool Names(JsonElement data, string member, string value) => data.Cell(member) == value;
}
