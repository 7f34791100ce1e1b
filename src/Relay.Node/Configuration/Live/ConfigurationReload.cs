using Relay.Node.Listeners.Tls;

namespace Relay.Node.Configuration.Live;

/// <summary>
/// Reads the configuration again: checked as at the start, taken as a whole or not at all. Owned by <see cref="ReloadService"/>; one at a time.
/// </summary>
internal sealed partial class ConfigurationReload
{
    private readonly Func<IConfiguration> _read;
    private readonly IReadOnlyList<ILiveOptions> _parts;
    private readonly LiveLogging _logging;
    private readonly ReloadMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Func<int?> _mostConnections;
    private readonly IReadOnlyList<string> _files;
    private readonly SettledChange _change;
    private IReadOnlyDictionary<string, string?> _current;
    private RelayOptions _options;
    private string _waiting = "";
    private string _keys;

    /// <param name="start">The start's.</param>
    /// <param name="options">In force.</param>
    /// <param name="parts">What takes new ones.</param>
    /// <param name="logging">Takes levels of the log.</param>
    /// <param name="metrics">Counts.</param>
    /// <param name="logger">Tells.</param>
    public ConfigurationReload(ConfigurationSources start, RelayOptions options, IEnumerable<ILiveOptions> parts, LiveLogging logging, ReloadMetrics metrics, ILogger<ConfigurationReload> logger)
    {
        _read = start.Read;
        _files = start.Files;
        _mostConnections = start.MostConnections;
        _options = options;
        _parts = [.. parts];
        _logging = logging;
        _metrics = metrics;
        _logger = logger;
        _current = start.InForce;
        _keys = FileDigest.Of(KeyFiles(options));
        _change = new SettledChange(Digest());
    }

    /// <summary>Reads it again when a file has changed and stands still.</summary>
    public void Look()
    {
        if (_change.IsSettled(Digest()))
        {
            Read(asked: false);
        }
    }

    /// <summary>Reads it again now.</summary>
    /// <param name="asked">Somebody waits for a word, also when nothing has changed.</param>
    public void Read(bool asked)
    {
        _change.Read(Digest());
        try
        {
            var change = ConfigurationChange.Between(_current, ConfigurationChange.Flatten(Check(_read()).Configuration));
            var keys = FileDigest.Of(KeyFiles(_options));
            if (change.Live.Count > 0 || keys != _keys)
            {
                Take(change);
            }
            else if (asked)
            {
                LogUnchanged();
            }

            TellWaiting(change.Restart, asked);
            _metrics.IsRefused = false;
        }
        catch (InvalidDataException wrong)
        {
            Refuse([$"{wrong.Message} {wrong.InnerException?.Message}".TrimEnd().ReplaceLineEndings(" ")]);
        }
        catch (ConfigurationRefused refused)
        {
            Refuse(refused.Problems);
        }
    }

    private void Refuse(IReadOnlyList<string> problems)
    {
        _metrics.IsRefused = true;
        _metrics.Read("refused");
        LogRefused(problems.Count, string.Join("; ", problems));
    }

    private void Take(ConfigurationChange change)
    {
        var (merged, options) = Check(new ConfigurationBuilder().AddInMemoryCollection(change.Merged).Build(), change.Restart);
        List<Action> ready;
        try
        {
            ready = [.. _parts.Select(part => part.Prepare(options))];
        }
        catch (Exception failure) when (failure is InvalidOperationException or TlsFileException or IOException)
        {
            throw new ConfigurationRefused([failure.Message.ReplaceLineEndings(" ")]);
        }

        ready.ForEach(static take => take());
        _logging.Take(merged);
        _current = change.Merged;
        _options = options;
        _keys = FileDigest.Of(KeyFiles(options));
        _metrics.Read("taken");
        LogTaken(change.Live.Count > 0 ? string.Join(", ", change.Live) : "the files of Relay:Auth:Jwt:Keys");

        // Other key files may be named now.
        _change.Read(Digest());
    }

    // As at the start, certificates included.
    private (IConfiguration Configuration, RelayOptions Options) Check(IConfiguration configuration, IReadOnlyList<string>? waiting = null)
    {
        var loaded = RelayConfiguration.Load(configuration, _mostConnections());
        IReadOnlyList<string> problems = [.. loaded.Problems.Select(static problem => problem.ToString().ReplaceLineEndings(" ")), .. StartupChecks.FindBadCertificates(loaded.Options)];
        if (problems.Count > 0)
        {
            throw new ConfigurationRefused(waiting is { Count: > 0 } ? [.. problems, $"it would do after a restart, which {string.Join(", ", waiting)} needs"] : problems);
        }

        return (configuration, loaded.Options);
    }

    private void TellWaiting(IReadOnlyList<string> restart, bool asked)
    {
        var waiting = string.Join(", ", restart);
        if (waiting.Length > 0 && (asked || !waiting.Equals(_waiting, StringComparison.Ordinal)))
        {
            LogNeedsRestart(waiting);
        }

        _waiting = waiting;
    }

    private static IEnumerable<string> KeyFiles(RelayOptions options) => options.Auth.Jwt.Keys.Select(static key => key.File).Where(static file => file.Length > 0);

    private string Digest() => FileDigest.Of([.. _files, .. KeyFiles(_options)]);

    [LoggerMessage(LogLevel.Information, "configuration read again, in force now: {Keys}")]
    private partial void LogTaken(string keys);

    [LoggerMessage(LogLevel.Information, "configuration read again: nothing that takes effect has changed")]
    private partial void LogUnchanged();

    [LoggerMessage(LogLevel.Warning, "configuration has changed, but needs a restart to take effect: {Keys}")]
    private partial void LogNeedsRestart(string keys);

    [LoggerMessage(LogLevel.Error, "configuration read again and refused as a whole, the one before stays; {Count} mistakes: {Problems}")]
    private partial void LogRefused(int count, string problems);
}

/// <summary>The configuration as the program started with it, and how it is read again.</summary>
/// <param name="Read">Reads all sources.</param>
/// <param name="Files">Those of them that may change.</param>
/// <param name="MostConnections">Connections that fit into the file limit.</param>
/// <param name="InForce">Keys and texts at the start.</param>
internal sealed record ConfigurationSources(Func<IConfiguration> Read, IReadOnlyList<string> Files, Func<int?> MostConnections, IReadOnlyDictionary<string, string?> InForce);

/// <summary>What was read cannot be taken.</summary>
/// <param name="problems">All mistakes, one line each, secrets masked.</param>
internal sealed class ConfigurationRefused(IReadOnlyList<string> problems) : Exception
{
    /// <summary>All mistakes.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
