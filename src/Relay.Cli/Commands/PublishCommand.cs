using System.CommandLine;
using System.Text.Json;
using Relay.Client;
using Spectre.Console;

namespace Relay.Cli.Commands;

/// <summary><c>relay publish</c>: one event, or one for each line of the standard input.</summary>
internal static class PublishCommand
{
    /// <summary>Publishes under way together: their order holds on the way and in the channel.</summary>
    private const int Window = 64;

    public static Command Create(Screen screen)
    {
        var channel = new Argument<string>("channel") { Description = "Such as topics/deploy." };
        var name = new Argument<string>("event") { Description = "Such as task.completed." };
        var data = new Argument<string?>("data") { Description = "JSON, or any text, which becomes a JSON string; - reads it from the standard input.", Arity = ArgumentArity.ZeroOrOne };
        var lines = new Option<bool>("--lines") { Description = "Publish each line of the standard input, in order." };
        var id = new Option<string?>("--id") { Description = "Accepted once under this id." };
        var key = new Option<string?>("--key") { Description = "Of the value that this event is the newest of." };
        var life = new Option<int?>("--ttl") { Description = "Milliseconds after which it is worth nothing." };
        var command = new Command("publish", "Publish an event, and say where it stands.") { channel, name, data, lines, id, key, life };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var relay = Target.Of(parsed).Connect();
            var (to, what) = (parsed.GetValue(channel)!, parsed.GetValue(name)!);
            var options = new PublishOptions { Id = parsed.GetValue(id), Key = parsed.GetValue(key), TimeToLive = parsed.GetValue(life) is { } ms ? TimeSpan.FromMilliseconds(ms) : null };
            if (parsed.GetValue(lines))
            {
                return await LinesAsync(screen, relay, to, what, options with { Id = null }, cancellationToken);
            }

            var text = parsed.GetValue(data) is "-" ? await screen.Input.ReadToEndAsync(cancellationToken) : parsed.GetValue(data);
            var published = await Answered(relay.PublishAsync(to, what, text is null ? null : Payload(text), options, cancellationToken));
            if (screen.IsForPeople(parsed))
            {
                var place = published.Place is { } at ? $"at {at.Epoch}:{at.Offset}" : "without a place";
                await screen.Output.WriteLineAsync($"accepted {place}{(published.Duplicate ? ", as before (the id is known)" : "")}, for {published.Subscribers} subscribers");
            }
            else
            {
                screen.Write(new { published.Id, published.Place?.Epoch, published.Place?.Offset, published.Duplicate, published.Subscribers });
            }

            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>A relay that does not answer at all is told as such.</summary>
    public static async Task<T> Answered<T>(Task<T> asked)
    {
        try
        {
            return await asked;
        }
        catch (TimeoutException)
        {
            throw new CliException(CommandLine.Unreachable, "no answer within 10 s. Is a relay running there (relay verify)?");
        }
    }

    private static async Task<int> LinesAsync(Screen screen, RelayClient relay, string channel, string name, PublishOptions options, CancellationToken cancellationToken)
    {
        var (accepted, began) = (0L, TimeProvider.System.GetTimestamp());
        var pending = new Queue<Task<RelayPublished>>();
        var status = screen.Progress();
        while (await screen.Input.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0)
            {
                continue;
            }

            pending.Enqueue(relay.PublishAsync(channel, name, Payload(line), options, cancellationToken));
            if (pending.Count >= Window)
            {
                await Answered(pending.Dequeue());
                accepted++;
                if (accepted % 1000 == 0)
                {
                    status?.Write(new ControlCode($"\r{accepted} accepted, {accepted / TimeProvider.System.GetElapsedTime(began).TotalSeconds:0}/s"));
                }
            }
        }

        while (pending.TryDequeue(out var last))
        {
            await Answered(last);
            accepted++;
        }

        status?.Write(new ControlCode("\r\u001b[K"));
        await screen.Output.WriteLineAsync($"{accepted} accepted in {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s");
        return CommandLine.Done;
    }

    private static JsonElement Payload(string text)
    {
        try
        {
            return JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text.TrimEnd('\n'));
        }
    }
}
