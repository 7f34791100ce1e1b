using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Relay.Kernel.TestKit;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

/// <summary>Log levels that operators set while the program runs.</summary>
public sealed class LiveLogLevelTests : IDisposable
{
    private readonly LiveLogLevels _levels = new();
    private readonly ManualTime _time = new();
    private readonly ServiceProvider _services;
    private readonly ILogger _room;
    private readonly ILogger _guarded;

    public LiveLogLevelTests()
    {
        // As LogSetup has it: the configured levels, the live ones, what nothing reaches.
        var configured = new ConfigurationBuilder().AddInMemoryCollection([new("LogLevel:Relay.Cluster", "Warning")]).Build();
        _services = new ServiceCollection().AddLogging(logging => logging
            .AddProvider(new EveryLine())
            .AddConfiguration(configured)
            .AddConfiguration(new ConfigurationBuilder().Add(_levels).Build())
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning)).BuildServiceProvider();
        var loggers = _services.GetRequiredService<ILoggerFactory>();
        (_room, _guarded) = (loggers.CreateLogger("Relay.Cluster.Links"), loggers.CreateLogger("Microsoft.AspNetCore.Hosting.Diagnostics"));
    }

    [Fact]
    public void A_level_holds_for_a_category_and_all_below_it_until_it_is_removed()
    {
        Assert.False(_room.IsEnabled(LogLevel.Information));
        Assert.True(_levels.TrySet("Relay.Cluster", LogLevel.Debug, null, _time));
        Assert.True(_room.IsEnabled(LogLevel.Debug));
        Assert.True(_levels.TrySet("relay.cluster", LogLevel.Error, null, _time));
        Assert.False(_room.IsEnabled(LogLevel.Warning));
        Assert.Single(_levels.All);
        Assert.True(_levels.Remove("Relay.Cluster"));
        Assert.False(_levels.Remove("Relay.Cluster"));
        Assert.True(_room.IsEnabled(LogLevel.Warning));
        Assert.False(_room.IsEnabled(LogLevel.Information));
    }

    [Fact]
    public void After_its_time_the_configured_level_returns_and_one_that_was_set_again_has_its_own()
    {
        _levels.TrySet("Relay.Cluster", LogLevel.Debug, TimeSpan.FromMinutes(1), _time);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.True(_room.IsEnabled(LogLevel.Debug));
        _levels.TrySet("Relay.Cluster", LogLevel.Trace, TimeSpan.FromMinutes(1), _time);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.True(_room.IsEnabled(LogLevel.Trace));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_room.IsEnabled(LogLevel.Information));
        Assert.Empty(_levels.All);
    }

    [Fact]
    public void What_would_bring_secrets_into_the_log_stays_as_it_is()
    {
        foreach (var category in new[] { "Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft", "Default" })
        {
            Assert.True(LiveLogLevels.IsCategory(category));
            _levels.TrySet(category, LogLevel.Trace, null, _time);
        }

        Assert.False(_guarded.IsEnabled(LogLevel.Information));
        Assert.False(LiveLogLevels.IsCategory("Microsoft.AspNetCore.Hosting.Diagnostics*"));
    }

    [Fact]
    public void There_are_not_more_than_can_be_looked_through()
    {
        for (var i = 0; i < 100; i++)
        {
            Assert.True(_levels.TrySet("Relay.X" + i, LogLevel.Debug, null, _time));
        }

        Assert.False(_levels.TrySet("Relay.Y", LogLevel.Debug, null, _time));
        Assert.True(_levels.TrySet("Relay.X7", LogLevel.Trace, null, _time));
    }

    public void Dispose() => _services.Dispose();

    private sealed class EveryLine : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }
}
