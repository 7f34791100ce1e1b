using Microsoft.Extensions.Logging.Console;
using Relay.Node.Configuration.Live;

namespace Relay.Node.Configuration;

/// <summary>How the program's log is written.</summary>
/// <param name="IsJson">One JSON object per line, and nothing else on standard output.</param>
public sealed record LogForm(bool IsJson);

/// <summary>The log: ASP.NET Core's console, by ASP.NET Core's own keys under <c>Logging</c>.</summary>
internal static class LogSetup
{
    /// <summary>ASP.NET Core's key of the form.</summary>
    public const string FormKey = "Logging:Console:FormatterName";

    /// <summary>RFC 3339, UTC.</summary>
    private const string Timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ";

    private static readonly string[] Forms = [ConsoleFormatterNames.Simple, ConsoleFormatterNames.Json, ConsoleFormatterNames.Systemd];

    /// <summary>What is wrong with the form that is asked for; null when nothing is. ASP.NET Core takes any name, and the simple form for those it does not know.</summary>
    public static string? Problem(IConfiguration sources) => sources[FormKey] is { } form && !Forms.Contains(form.Trim(), StringComparer.OrdinalIgnoreCase)
        ? $"not one of {string.Join(", ", Forms)}{Nearest.Hint(form, Forms)}"
        : null;

    public static void AddTo(WebApplicationBuilder builder, IConfiguration sources)
    {
        var live = new LiveLogging(sources);
        builder.Services.AddSingleton(live);
        var form = sources[FormKey]?.Trim() ?? ConsoleFormatterNames.Simple;
        var isJson = form.Equals(ConsoleFormatterNames.Json, StringComparison.OrdinalIgnoreCase);
        builder.Services.AddSingleton(new LogForm(isJson));
        var logging = builder.Logging;
        logging.ClearProviders();
        if (isJson)
        {
            logging.AddJsonConsole(static console => (console.UseUtcTimestamp, console.TimestampFormat) = (true, Timestamp));
        }
        else if (form.Equals(ConsoleFormatterNames.Systemd, StringComparison.OrdinalIgnoreCase))
        {
            logging.AddSystemdConsole();
        }
        else
        {
            logging.AddSimpleConsole(static console =>
            {
                (console.UseUtcTimestamp, console.TimestampFormat) = (true, Timestamp + " ");
                console.SingleLine = true;
                console.ColorBehavior = LoggerColorBehavior.Disabled;
            });
        }

        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("System", LogLevel.Warning);
        logging.AddConfiguration(live.Root.GetSection("Logging"));

        // Behind the configured levels, which it takes the place of, and before those below, which nothing does.
        var levels = new LiveLogLevels();
        builder.Services.AddSingleton(levels);
        logging.AddConfiguration(new ConfigurationBuilder().Add(levels).Build());

        // A start that fails is told by NodeLifetime in one line; these two would add the stack trace. Failures of requests, which the second would tell as well, are
        // told by FailureAnswers.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.", LogLevel.Warning);

        // Its lines show whole URLs, and a page that cannot set headers brings its token there.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
    }
}
