using System.Reflection;
using Relay.Node.Auth;
using Relay.Node.Configuration.Live;
using Relay.Node.WebSockets;

namespace Relay.Node.Configuration;

/// <summary>One start of the program: its arguments and configuration, read and checked before anything else happens.</summary>
/// <param name="Configuration">The sources, for the <c>Logging</c> section.</param>
/// <param name="Options">Checked options; null when there is nothing to run.</param>
/// <param name="ExitCode">With which the program ends when there is nothing to run.</param>
public sealed record NodeInvocation(IConfiguration Configuration, RelayOptions? Options, int ExitCode)
{
    /// <summary>What is to be done with the options.</summary>
    public Errand Errand { get; init; }

    /// <summary>How the configuration is read again; null when there is nothing to run.</summary>
    internal ConfigurationSources? Sources { get; init; }

    /// <summary>Ended as asked.</summary>
    public const int Success = 0;

    /// <summary>Could not start: a port is taken, a certificate cannot be read.</summary>
    public const int CannotStart = 1;

    /// <summary>The configuration is wrong.</summary>
    public const int WrongConfiguration = 2;

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(NodeInvocation).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Reads arguments and sources; does <c>--help</c>, <c>--version</c>, <c>check-config</c>, <c>--new-key</c> and <c>--hash-key</c>; tells all mistakes on <paramref name="error"/>.</summary>
    public static NodeInvocation Read(string[] arguments, TextWriter output, TextWriter error, TextReader? input = null)
    {
        var commandLine = CommandLine.Parse(arguments);
        var nothing = new ConfigurationBuilder().Build();
        switch (commandLine.Errand)
        {
            case Errand.Help:
                output.Write(Reference.Help());
                return new NodeInvocation(nothing, null, Success);
            case Errand.Version:
                output.WriteLine($"ActorRelay {Version}");
                return new NodeInvocation(nothing, null, Success);
        }

        if (commandLine.Errand is Errand.NewKey or Errand.HashKey)
        {
            return new NodeInvocation(nothing, null, TellKey(commandLine.Errand, input ?? Console.In, output, error));
        }

        var folder = Environment.CurrentDirectory;
        IConfigurationRoot ReadSources() => RelayConfiguration.Build(AppContext.BaseDirectory, folder, commandLine.Settings);
        IConfigurationRoot configuration;
        try
        {
            configuration = ReadSources();
        }
        catch (InvalidDataException wrong)
        {
            error.WriteLine($"{wrong.Message} {wrong.InnerException?.Message}".TrimEnd());
            return new NodeInvocation(nothing, null, WrongConfiguration);
        }

        var loaded = RelayConfiguration.Load(configuration, MostConnections());
        var problems = commandLine.Problems.Concat(loaded.Problems).Select(static problem => problem.ToString().ReplaceLineEndings("\n  ")).ToList();
        var badCertificates = StartupChecks.FindBadCertificates(loaded.Options);
        if (commandLine.Errand is Errand.Check)
        {
            // All that is known to be wrong at once: who asks is not in a hurry to start.
            problems.AddRange(badCertificates);
        }

        if (problems.Count > 0)
        {
            Tell(problems, error);
            return new NodeInvocation(configuration, null, WrongConfiguration);
        }

        if (commandLine.Errand is Errand.Check)
        {
            output.WriteLine("configuration is valid");
            output.Write(StartSummary.Of(loaded.Options));
            return new NodeInvocation(configuration, null, Success);
        }

        if (badCertificates.Count > 0)
        {
            error.WriteLine("cannot start: " + badCertificates[0]);
            return new NodeInvocation(configuration, null, CannotStart);
        }

        if (commandLine.Errand is Errand.MoveRedisStreams && loaded.Options.Redis.Servers.Count == 0)
        {
            error.WriteLine("--move-redis-streams: no Redis is configured (Relay:Redis:Endpoints)");
            return new NodeInvocation(configuration, null, WrongConfiguration);
        }

        return new NodeInvocation(configuration, loaded.Options, Success)
        {
            Errand = commandLine.Errand,
            Sources = new ConfigurationSources(ReadSources, RelayConfiguration.FilesOf(AppContext.BaseDirectory, folder), MostConnections, ConfigurationChange.Flatten(configuration)),
        };
    }

    // A key is read from the standard input, because arguments are seen by everyone on the machine and kept by shells.
    private static int TellKey(Errand errand, TextReader input, TextWriter output, TextWriter error)
    {
        var key = errand is Errand.NewKey ? ApiKeys.Create() : input.ReadLine()?.Trim();
        if (key is null || key.Length < ApiKeyOptions.LeastKeyLength)
        {
            error.WriteLine($"--hash-key reads the key from the standard input, one line of at least {ApiKeyOptions.LeastKeyLength} characters; --new-key makes one");
            return WrongConfiguration;
        }

        if (errand is Errand.NewKey)
        {
            output.WriteLine("key   " + key);
            output.WriteLine("hash  " + ApiKeys.Hash(key));
            output.WriteLine("Give the key to its holder; configure the hash: Relay__Auth__ApiKeys__0__Hash=" + ApiKeys.Hash(key));
        }
        else
        {
            output.WriteLine(ApiKeys.Hash(key));
        }

        return Success;
    }

    private static int? MostConnections() => FileLimit.Read() is { } files ? Math.Max(1, files - new WebSocketServerOptions().ReservedDescriptors) : null;

    private static void Tell(List<string> problems, TextWriter error)
    {
        error.WriteLine(problems.Count == 1 ? "The configuration has 1 mistake:" : $"The configuration has {problems.Count} mistakes:");
        foreach (var problem in problems)
        {
            error.WriteLine("  " + problem);
        }

        error.WriteLine("All keys: --help");
    }
}
