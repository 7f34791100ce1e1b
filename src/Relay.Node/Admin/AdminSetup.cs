using Relay.Node.Configuration;

namespace Relay.Node.Admin;

/// <summary>Brings the operators' interface into the program (docs/operations-admin.md).</summary>
public static class AdminSetup
{
    /// <summary>Registers what the endpoints share.</summary>
    public static IServiceCollection AddRelayAdmin(this IServiceCollection services, RelayOptions options)
    {
        services.AddSingleton<AdminDoor>().AddSingleton<NodeAsker>().AddSingleton<DrainKeeper>().AddSingleton<ShardPinKeeper>();
        services.AddSingleton(provider => new AuditLog(options.Explain.AuditEntries, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<ExplainApi>().AddSingleton<ConnectionApi>().AddSingleton<ClusterApi>().AddSingleton<ChannelApi>().AddSingleton<LogLevelApi>().AddSingleton<AuditApi>();
        services.AddSingleton<INodeVerbs, ExplainVerbs>().AddSingleton<INodeVerbs, ConnectionVerbs>().AddSingleton<INodeVerbs, NodeVerb>().AddSingleton<INodeVerbs, DrainVerbs>();
        services.AddSingleton<INodeVerbs>(static provider => provider.GetRequiredService<ShardPinKeeper>());
        services.AddSingleton<INodeVerbs>(static provider => provider.GetRequiredService<ChannelApi>());
        services.AddSingleton<INodeVerbs>(static provider => provider.GetRequiredService<LogLevelApi>());
        services.AddSingleton<INodeVerbs>(static provider => provider.GetRequiredService<AuditApi>());
        services.AddHostedService<NodeVerbs>();
        services.AddHostedService(static provider => provider.GetRequiredService<ShardPinKeeper>());
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static WebApplication MapRelayAdmin(this WebApplication app)
    {
        var services = app.Services;
        services.GetRequiredService<ClusterApi>().Map(app);
        services.GetRequiredService<ConnectionApi>().Map(app);
        services.GetRequiredService<ChannelApi>().Map(app);
        services.GetRequiredService<ExplainApi>().Map(app);
        services.GetRequiredService<LogLevelApi>().Map(app);
        services.GetRequiredService<AuditApi>().Map(app);
        return app;
    }
}
