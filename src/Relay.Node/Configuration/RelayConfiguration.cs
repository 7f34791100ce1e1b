namespace Relay.Node.Configuration;

/// <summary>What came out of reading the configuration.</summary>
/// <param name="Options">Complete, with defaults in place of what was wrong: only to be used when there are no problems.</param>
/// <param name="Problems">Every mistake found.</param>
public sealed record ConfigurationResult(RelayOptions Options, IReadOnlyList<ConfigurationProblem> Problems)
{
    /// <summary>True when there is no mistake.</summary>
    public bool IsValid => Problems.Count == 0;
}

/// <summary>From sources to checked options.</summary>
public static class RelayConfiguration
{
    /// <summary>
    /// The sources in ASP.NET Core's order, later ones win: appsettings.json beside the program, appsettings.json in the working
    /// folder, environment, command line.
    /// </summary>
    /// <param name="programFolder">Folder of the program.</param>
    /// <param name="workingFolder">Folder it was started in.</param>
    /// <param name="settings">Arguments of the form <c>--Key=value</c>; see <see cref="CommandLine"/>.</param>
    /// <exception cref="InvalidDataException">A file is not JSON.</exception>
    public static IConfigurationRoot Build(string programFolder, string workingFolder, string[] settings)
    {
        var builder = new ConfigurationBuilder();
        foreach (var file in FilesOf(programFolder, workingFolder))
        {
            builder.AddJsonFile(file, optional: true, reloadOnChange: false);
        }

        return builder.AddEnvironmentVariables().AddCommandLine(settings).Build();
    }

    /// <summary>The files among them, whether they are there or not.</summary>
    public static IReadOnlyList<string> FilesOf(string programFolder, string workingFolder) =>
    [
        .. new[] { programFolder, workingFolder }.Select(Path.GetFullPath).Select(Path.TrimEndingDirectorySeparator).Distinct(StringComparer.Ordinal)
            .Select(static folder => Path.Combine(folder, "appsettings.json")),
    ];

    /// <summary>Reads and checks everything under <c>Relay</c>, and <c>WS_PORT</c> and <c>HOST</c>.</summary>
    /// <param name="configuration">The sources.</param>
    /// <param name="mostConnections">Connections that fit into the process' file limit; null when unknown.</param>
    public static ConfigurationResult Load(IConfiguration configuration, int? mostConnections)
    {
        var (options, reader) = ReadAll(configuration);
        RelationRules.Check(options, reader, mostConnections);
        if (LogSetup.Problem(configuration) is { } problem)
        {
            reader.ForeignProblem(LogSetup.FormKey, ConfigurationProblem.Printable(configuration[LogSetup.FormKey]!), problem);
        }

        reader.RefuseUnknown();
        return new ConfigurationResult(options, reader.Problems);
    }

    /// <summary>Every key there is, in the order of the documentation.</summary>
    public static IReadOnlyCollection<Setting> Settings() => ReadAll(new ConfigurationBuilder().Build()).Reader.Settings;

    private static (RelayOptions Options, SettingReader Reader) ReadAll(IConfiguration configuration)
    {
        var reader = new SettingReader(configuration);
        return (RelayOptions.Read(reader, configuration["WS_PORT"], configuration["HOST"]), reader);
    }
}
