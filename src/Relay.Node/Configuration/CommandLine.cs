namespace Relay.Node.Configuration;

/// <summary>What the program was started for.</summary>
public enum Errand
{
    /// <summary>Run the node.</summary>
    Run,

    /// <summary>Print all keys.</summary>
    Help,

    /// <summary>Print the version.</summary>
    Version,

    /// <summary>Check the configuration and end.</summary>
    Check,

    /// <summary>Draw an API key and print it with its hash.</summary>
    NewKey,

    /// <summary>Print the hash of the API key on standard input.</summary>
    HashKey,

    /// <summary>Move durable streams to where the configured Redis servers have them, and end.</summary>
    MoveRedisStreams,
}

/// <summary>The program's arguments, sorted.</summary>
/// <param name="Errand">What to do.</param>
/// <param name="Settings">Arguments for the configuration, each as <c>--Key=value</c>.</param>
/// <param name="Problems">Arguments that are neither.</param>
public sealed record CommandLine(Errand Errand, string[] Settings, IReadOnlyList<ConfigurationProblem> Problems)
{
    /// <summary>Sections that may be set on the command line.</summary>
    private static readonly string[] Sections = ["Relay:", "Logging:"];

    /// <summary>
    /// Sorts <paramref name="arguments"/>. <c>--Key value</c> is taken like <c>--Key=value</c>, as ASP.NET Core does; but unlike there a flag
    /// never swallows the argument behind it, and what nobody would read is a mistake.
    /// </summary>
    public static CommandLine Parse(IReadOnlyList<string> arguments)
    {
        var errand = Errand.Run;
        var settings = new List<string>();
        var problems = new List<ConfigurationProblem>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (AsErrand(argument) is { } asked)
            {
                errand = errand is Errand.Run ? asked : errand;
            }
            else if (!IsSetting(argument))
            {
                problems.Add(Unknown(argument));
            }
            else if (argument.Contains('=', StringComparison.Ordinal))
            {
                settings.Add(argument);
            }
            else if (i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                settings.Add(argument + "=" + arguments[++i]);
            }
            else
            {
                problems.Add(new ConfigurationProblem(argument, null, $"has no value; write {argument}=…", null, IsForeign: true));
            }
        }

        return new CommandLine(errand, [.. settings], problems);
    }

    private static Errand? AsErrand(string argument) => argument switch
    {
        "--help" or "-h" or "-?" or "help" => Configuration.Errand.Help,
        "--version" => Configuration.Errand.Version,
        "--check" or "--check-config" or "check-config" => Configuration.Errand.Check,
        "--new-key" => Configuration.Errand.NewKey,
        "--hash-key" => Configuration.Errand.HashKey,
        "--move-redis-streams" => Configuration.Errand.MoveRedisStreams,
        _ => null,
    };

    private static bool IsSetting(string argument) =>
        argument.StartsWith("--", StringComparison.Ordinal)
        && Sections.Any(section => argument.AsSpan(2).StartsWith(section, StringComparison.OrdinalIgnoreCase));

    /// <summary>Names the argument without its value, which may be a secret under a misspelt name.</summary>
    private static ConfigurationProblem Unknown(string argument)
    {
        var equals = argument.IndexOf('=', StringComparison.Ordinal);
        var name = ConfigurationProblem.Printable(equals < 0 ? argument : argument[..equals]);
        var key = name.TrimStart('-', '/').Replace("__", ":", StringComparison.Ordinal);
        var known = RelayConfiguration.Settings().Select(setting => setting.Pattern);
        var nearest = Nearest.Find(key, known.Select(pattern => "Relay:" + pattern).Concat(["help", "version", "check", "check-config", "new-key", "hash-key", "move-redis-streams"]));
        var hint = nearest is null ? "" : $"; did you mean --{nearest}{(nearest.Contains(':', StringComparison.Ordinal) ? "=…" : "")}?";
        return new ConfigurationProblem(name, null, $"unknown argument{hint}", null, IsForeign: true);
    }
}
