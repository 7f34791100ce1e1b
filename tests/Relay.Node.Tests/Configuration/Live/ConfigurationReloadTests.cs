using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Relay.Node.Configuration;
using Relay.Node.Configuration.Live;
using Relay.Testing;

namespace Relay.Node.Tests.Configuration.Live;

/// <summary>Reading the configuration again, with sources of the test's own.</summary>
public sealed class ConfigurationReloadTests : IDisposable
{
    private readonly LogLines _log = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<RelayOptions> _taken = [];
    private readonly LiveLogging _logging = new(new ConfigurationBuilder().Build());
    private string[] _settings = [];
    private string? _failure;

    public void Dispose()
    {
        _services.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void Live_keys_come_into_force_and_the_rest_is_named_once()
    {
        var reload = Start("Relay:Namespaces:topics:HistoryLength=10");
        _settings = ["Relay:Namespaces:topics:HistoryLength=20", "Relay:Cluster:Name=other", "Logging:LogLevel:Relay=Debug"];
        reload.Read(asked: false);
        var options = Assert.Single(_taken);
        Assert.Equal((20, "relay"), (options.Namespaces["topics"].HistoryLength, options.Cluster.Name));
        Assert.Equal("Debug", _logging.Root["Logging:LogLevel:Relay"]);
        Assert.Contains(_log.Lines, static line => line.StartsWith("Information", StringComparison.Ordinal) && line.EndsWith("Logging:LogLevel:Relay, Relay:Namespaces:topics:HistoryLength", StringComparison.Ordinal));
        Assert.Contains(_log.Lines, static line => line.StartsWith("Warning", StringComparison.Ordinal) && line.EndsWith("needs a restart to take effect: Relay:Cluster:Name", StringComparison.Ordinal));
        reload.Read(asked: false);
        Assert.Equal(2, _log.Lines.Count);
        reload.Read(asked: true);
        Assert.Equal(4, _log.Lines.Count);
        Assert.Single(_taken);
    }

    [Fact]
    public void Mistakes_are_all_named_and_nothing_of_it_is_taken()
    {
        var reload = Start("Relay:Namespaces:topics:HistoryLength=10");
        _settings = ["Relay:Namespaces:topics:HistoryLength=20", "Relay:Limits:UnsentBytes=lots", "Relay:Auth:ApiKeys:0:Key=short", "Relay:Redis:Pasword=hunter2"];
        reload.Read(asked: false);
        Assert.Empty(_taken);
        var line = Assert.Single(_log.Lines);
        Assert.All(["4 mistakes", "Relay:Limits:UnsentBytes = \"lots\"", "Relay:Auth:ApiKeys:0:Key", "Relay:Auth:ApiKeys:0:Name", "Relay:Redis:Pasword: unknown key"], part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
        Assert.DoesNotContain("short\"", line, StringComparison.Ordinal);
        _settings = ["Relay:Namespaces:topics:HistoryLength=30"];
        reload.Read(asked: false);
        Assert.Equal(30, Assert.Single(_taken).Namespaces["topics"].HistoryLength);
    }

    [Fact]
    public void A_part_that_cannot_take_it_keeps_all_parts_as_they_are()
    {
        var reload = Start();
        _failure = "its file is gone";
        _settings = ["Relay:Auth:Origins:0=https://app.example.com"];
        reload.Read(asked: false);
        Assert.Empty(_taken);
        Assert.Contains("its file is gone", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_right_only_after_a_restart_is_refused_and_says_so()
    {
        var reload = Start("Relay:Listeners:main:Url=http://127.0.0.1:0");
        _settings = ["Relay:Listeners:main:Url=https://127.0.0.1:0", "Relay:Listeners:main:Tls:Certificate=missing.pem"];
        reload.Read(asked: false);
        Assert.Empty(_taken);
        Assert.Contains("Relay:Listeners:main:Tls:Certificate", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_a_key_that_changes_is_read_again()
    {
        using var folder = new TempFolder("relay-reload-");
        File.WriteAllText(folder.File("key"), new string('a', 40));
        var reload = Start("Relay:Auth:Jwt:Keys:0:File=" + folder.File("key"));
        reload.Look();
        reload.Look();
        Assert.Empty(_taken);
        File.WriteAllText(folder.File("key"), new string('b', 40));
        reload.Look();
        reload.Look();
        Assert.Single(_taken);
        File.WriteAllText(folder.File("key"), "short");
        reload.Look();
        reload.Look();
        Assert.Single(_taken);
        Assert.Contains(_log.Lines, static line => line.Contains("Relay:Auth:Jwt:Keys:0:File", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_is_not_JSON_is_refused_and_the_program_goes_on()
    {
        using var folder = new TempFolder("relay-reload-");
        File.WriteAllText(folder.File("appsettings.json"), "{}");
        var reload = Start(() => RelayConfiguration.Build(folder.Path, folder.Path, []), RelayConfiguration.FilesOf(folder.Path, folder.Path));
        File.WriteAllText(folder.File("appsettings.json"), "{ half");
        reload.Look();
        reload.Look();
        Assert.Contains("appsettings.json", Assert.Single(_log.Lines), StringComparison.Ordinal);
        File.WriteAllText(folder.File("appsettings.json"), """{ "Relay": { "Auth": { "Origins": ["https://app.example.com"] } } }""");
        reload.Look();
        reload.Look();
        Assert.Equal(["https://app.example.com"], Assert.Single(_taken).Auth.Origins);
    }

    private ConfigurationReload Start(params string[] settings)
    {
        _settings = settings;
        return Start(() => Of(_settings), []);
    }

    private ConfigurationReload Start(Func<IConfiguration> read, IReadOnlyList<string> files)
    {
        var options = RelayConfiguration.Load(read(), null).Options;
        var sources = new ConfigurationSources(read, files, static () => null, ConfigurationChange.Flatten(read()));
        LivePart[] parts = [new(next => () => _taken.Add(next)), new(_ => _failure is null ? static () => { } : throw new InvalidOperationException(_failure))];
        return new ConfigurationReload(sources, options, parts, _logging, new ReloadMetrics(_services.GetRequiredService<IMeterFactory>()), new Logger<ConfigurationReload>(_log));
    }

    private static IConfiguration Of(string[] settings) => new ConfigurationBuilder().AddInMemoryCollection(
        settings.Select(static setting => KeyValuePair.Create(setting[..setting.IndexOf('=', StringComparison.Ordinal)], (string?)setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]))).Build();
}
