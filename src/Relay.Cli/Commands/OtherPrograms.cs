using System.CommandLine;
using System.Reflection;

namespace Relay.Cli.Commands;

/// <summary>What is a program of its own, under the same name.</summary>
internal static class OtherPrograms
{
    public static Command Run() => Of("run", "Start a node, with the settings of docs/configuration.md: relay run --Relay:Listeners:main:Url=http://127.0.0.1:9000", typeof(Relay.Node.Configuration.NodeInvocation).Assembly);

    public static Command CheckConfig() =>
        Of("check-config", "Check the configuration that a node would start with, and start nothing. Takes the same settings as run.", typeof(Relay.Node.Configuration.NodeInvocation).Assembly, "check-config");

    public static Command Bench() => Of("bench", "Measure a relay: subscribers, publishers, rates, latencies. relay bench --help", Assembly.Load("Relay.Bench"));

    // Its options are its own: everything behind the verb is passed on.
    private static Command Of(string name, string description, Assembly program, params string[] first)
    {
        var rest = new Argument<string[]>("options") { Arity = ArgumentArity.ZeroOrMore, Description = "Passed on as they are." };
        var command = new Command(name, description) { rest };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed => (int)(program.EntryPoint!.Invoke(null, [(string[])[.. first, .. Behind(parsed, name)]]) ?? 0));
        return command;
    }

    private static IEnumerable<string> Behind(ParseResult parsed, string verb) => parsed.Tokens.Select(static token => token.Value).SkipWhile(token => token != verb).Skip(1);
}
