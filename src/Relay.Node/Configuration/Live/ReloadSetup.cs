using Relay.Actors;
using Relay.Actors.Limits;
using Relay.Node.Auth;
using Relay.Node.Listeners.Tls;
using Relay.Node.WebSockets;

namespace Relay.Node.Configuration.Live;

/// <summary>What can be exchanged under the running node, and who notices that it should be.</summary>
public static class ReloadSetup
{
    /// <summary>Registers the parts (authentication brings its own), and the one who looks.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="invocation">How the configuration is read again.</param>
    /// <param name="options">In force at the start.</param>
    /// <param name="live">What actors and doors look at.</param>
    public static IServiceCollection AddRelayReload(this IServiceCollection services, NodeInvocation invocation, RelayOptions options, LiveSettings live)
    {
        ArgumentNullException.ThrowIfNull(invocation);
        var certificates = new CertificateHolders(options.Listeners);
        services.AddSingleton(live);
        services.AddSingleton(certificates);
        services.AddSingleton<ReloadMetrics>();
        services.AddSingleton(invocation.Sources!);
        services.AddSingleton<ILiveOptions>(new LivePart(next => () => live.Take(next.ForActors())));
        services.AddSingleton<ILiveOptions>(provider => new LivePart(next => () => provider.GetRequiredService<NodeLimits>().Current = next.ForLimits()));
        services.AddSingleton<ILiveOptions>(new LivePart(certificates.Prepare));
        services.AddSingleton<ILiveOptions>(provider => new LivePart(next => () => provider.GetRequiredService<DoorPolicies>().Take(next.Auth.Origins, next.Auth.Hosts)));
        services.AddSingleton<ILiveOptions>(provider => new LivePart(next => provider.GetRequiredService<CertificateStore>().Prepare(next.ForListeners())));
        services.AddSingleton<ConfigurationReload>();
        return services.AddHostedService<ReloadService>();
    }
}
