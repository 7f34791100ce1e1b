using System.CommandLine;
using Relay.Cli.Commands;
using Relay.Client;

namespace Relay.Cli;

/// <summary>The verbs, and what their ends mean: 0 = done, 1 = refused or found wrong, 2 = wrong usage, 3 = no relay answers there.</summary>
internal static class CommandLine
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int Unreachable = 3;

    public static RootCommand Root(Screen screen)
    {
        var root = new RootCommand("ActorRelay: starts a node, looks at it, and speaks through it.");
        root.Options.Add(Target.Url);
        root.Options.Add(Target.KeyFile);
        root.Options.Add(Screen.Json);
        foreach (var command in (Command[])
            [
                OtherPrograms.Run(), OtherPrograms.CheckConfig(), OtherPrograms.Bench(), VerifyCommand.Create(screen), MonitorCommand.Create(screen), PublishCommand.Create(screen),
                .. LookCommands.All(screen), .. ActCommands.All(screen), ExplainCommand.Create(screen), TokenCommand.Create(screen), CompletionCommand.Create(screen),
            ])
        {
            root.Subcommands.Add(command);
        }

        return root;
    }

    public static async Task<int> RunAsync(string[] args, Screen screen)
    {
        var parsed = Root(screen).Parse(args);
        if (parsed.Errors.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
        {
            foreach (var mistake in parsed.Errors)
            {
                await screen.Error.WriteLineAsync($"relay: {mistake.Message}");
            }

            await screen.Error.WriteLineAsync("Try: relay --help");
            return WrongUsage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { Output = screen.Output, Error = screen.Error, EnableDefaultExceptionHandler = false });
        }
        catch (CliException failure)
        {
            await screen.Error.WriteLineAsync($"relay: {failure.Message}");
            return failure.ExitCode;
        }
        catch (RelayRefusedException refused)
        {
            await screen.Error.WriteLineAsync($"relay: {refused.Message}{Hint(refused.Code)}");
            return Failed;
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C, as shells count it.
            return 130;
        }
    }

    /// <summary>What helps against a refusal.</summary>
    public static string Hint(string code) => code switch
    {
        "UNAUTHORIZED" => $". Give a key or token in {Target.KeyVariable} or with {Target.KeyFile.Name}",
        "NOT_AUTHORIZED" => ". This key or token has no right to that (docs/security.md)",
        _ => "",
    };
}

/// <summary>Ends the program with a sentence and an exit code.</summary>
internal sealed class CliException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;
}
