using Relay.Actors.Channels;
using Relay.Kernel.Persistence;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.Listeners;
using Relay.Node.WebSockets;

namespace Relay.Node.Health;

/// <summary>The node from its start to its end, as whoever started it sees it: lines on standard output, an exit code.</summary>
public static partial class NodeLifetime
{
    /// <summary>
    /// Starts the node; prints <c>listening {name} {url} dialect {dialect}</c> for each listener with its real address, then <c>ready</c>, in JSON as lines of the log; returns
    /// after SIGINT or SIGTERM. A start that fails is one line on standard error.
    /// </summary>
    /// <returns>The exit code, see <see cref="NodeInvocation"/>.</returns>
    public static async Task<int> RunRelayAsync(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<RelayOptions>();
        try
        {
            await app.StartAsync();
        }
        catch (Exception failure)
        {
            // Kestrel has let go of all addresses again, so the one in the way can be found.
            return await FailAsync(app, StartupChecks.FindTakenAddress(options) ?? failure.Message.ReplaceLineEndings(" "));
        }

        await using (app)
        {
            Announce(app, options);
            await app.WaitForShutdownAsync();
            return NodeInvocation.Success;
        }
    }

    /// <summary>
    /// Opens what the node keeps its events in, before anything is served. Null when that went well; otherwise one line on standard error was printed.
    /// </summary>
    /// <returns>The exit code, see <see cref="NodeInvocation"/>.</returns>
    public static async Task<int?> OpenRelayAsync(this WebApplication app)
    {
        try
        {
            _ = app.Services.GetRequiredService<ChannelJournals>();
            return null;
        }
        catch (JournalException failure)
        {
            return await FailAsync(app, failure.Message.ReplaceLineEndings(" "));
        }
    }

    private static void Announce(WebApplication app, RelayOptions options)
    {
        var health = app.Services.GetRequiredService<HealthState>();
        var server = app.Services.GetRequiredService<WebSocketServer>();
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Relay.Node");
        var isJson = app.Services.GetRequiredService<LogForm>().IsJson;
        StartupChecks.Warn(options, app.Services.GetRequiredService<Authenticator>(), logger);
        app.Lifetime.ApplicationStopping.Register(() =>
        {
            health.Fail(HealthState.Node, "leaving");
            server.Gate.IsDraining = true;
            LogLeaving(logger);
        });
        foreach (var listener in app.Services.GetRequiredService<ListenerSetup>().Bound)
        {
            var dialect = options.Listeners.First(configured => configured.Name.Equals(listener.Name, StringComparison.Ordinal)).DialectName;
            if (isJson)
            {
                LogListening(logger, listener.Name, listener.Url, dialect);
            }
            else
            {
                Console.Out.WriteLine($"listening {listener.Name} {listener.Url} dialect {dialect}");
            }
        }

        health.Ok(HealthState.Node);
        if (isJson)
        {
            LogReady(logger);
        }
        else
        {
            Console.Out.WriteLine("ready");
        }
    }

    private static async Task<int> FailAsync(WebApplication app, string reason)
    {
        await app.DisposeAsync();
        await Console.Error.WriteLineAsync($"cannot start: {reason}");
        return NodeInvocation.CannotStart;
    }

    [LoggerMessage(LogLevel.Information, "listening {Listener} {Url} dialect {Dialect}")]
    private static partial void LogListening(ILogger logger, string listener, string url, string dialect);

    [LoggerMessage(LogLevel.Information, "ready")]
    private static partial void LogReady(ILogger logger);

    [LoggerMessage(LogLevel.Information, "leaving")]
    private static partial void LogLeaving(ILogger logger);
}
