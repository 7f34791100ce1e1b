using System.CommandLine;

namespace Relay.Cli.Commands;

/// <summary><c>relay completion</c>: what a shell needs to complete verbs and options, which it asks the program for.</summary>
internal static class CompletionCommand
{
    public static Command Create(Screen screen)
    {
        var shell = new Argument<string>("shell").AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a completion script: source <(relay completion bash)") { shell };
        command.SetAction(async (parsed, _) =>
        {
            await screen.Output.WriteAsync(parsed.GetValue(shell) switch
            {
                "bash" => Bash,
                "zsh" => Zsh,
                _ => Fish,
            });
            return CommandLine.Done;
        });
        return command;
    }

    private const string Bash = """
        _relay() {
            local IFS=$'\n'
            COMPREPLY=($(relay "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null))
        }
        complete -o default -F _relay relay

        """;

    private const string Zsh = """
        _relay() {
            local -a found
            found=("${(@f)$(relay "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -a found
        }
        compdef _relay relay

        """;

    private const string Fish = """
        complete -f -c relay -a '(relay "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'

        """;
}
