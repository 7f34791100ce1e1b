using Microsoft.Extensions.DependencyInjection.Extensions;
using Relay.Protocol;

namespace Relay.Node.Configuration;

/// <summary>Brings the configuration into the program.</summary>
public static class ConfigurationSetup
{
    /// <summary>Beyond the drain: time for connections that do not close by themselves, and for what is flushed at the very end.</summary>
    private static readonly TimeSpan StopReserve = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Registers the options and the dialects made of them, sets up the log, and shuts every other source of settings: a <c>Kestrel</c> section or
    /// <c>ASPNETCORE_URLS</c> could open listeners that no rule of this program has seen.
    /// </summary>
    public static WebApplicationBuilder AddRelayConfiguration(this WebApplicationBuilder builder, NodeInvocation invocation, RelayOptions options)
    {
        ((IConfigurationBuilder)builder.Configuration).Sources.Clear();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(options);
        foreach (var dialect in options.ForDialects())
        {
            builder.Services.AddSingleton<IDialect>(dialect);
        }

        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain.Time + StopReserve);
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = options.Limits.MaxRequestBodyBytes);
        LogSetup.AddTo(builder, invocation.Configuration);
        return builder;
    }
}
