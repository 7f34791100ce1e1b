namespace Relay.Node.Configuration.Live;

/// <summary>
/// The section <c>Logging</c> that is in force, as a configuration of its own: ASP.NET Core's log follows it by itself, and must not follow files that nobody has checked.
/// </summary>
internal sealed class LiveLogging : ConfigurationProvider, IConfigurationSource
{
    private const string Section = "Logging:";

    /// <param name="first">The start's configuration.</param>
    public LiveLogging(IConfiguration first)
    {
        Data = Levels(first);
        Root = new ConfigurationBuilder().Add(this).Build();
    }

    /// <summary>For the log.</summary>
    public IConfiguration Root { get; }

    /// <summary>Others from now on.</summary>
    public void Take(IConfiguration next)
    {
        Data = Levels(next);
        OnReload();
    }

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    private static Dictionary<string, string?> Levels(IConfiguration configuration) =>
        configuration.AsEnumerable().Where(static pair => pair.Key.StartsWith(Section, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.OrdinalIgnoreCase);
}
