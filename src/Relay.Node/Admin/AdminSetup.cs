namespace Relay.Node.Admin;

/// <summary>Brings the operators' interface into the program.</summary>
public static class AdminSetup
{
    /// <summary>Registers what the endpoints share.</summary>
    public static IServiceCollection AddRelayAdmin(this IServiceCollection services)
    {
        services.AddSingleton<AdminDoor>().AddSingleton<NodeAsker>();
        services.AddSingleton<INodeVerbs, ExplainVerbs>().AddSingleton<ExplainApi>();
        services.AddHostedService<NodeVerbs>();
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static WebApplication MapRelayAdmin(this WebApplication app)
    {
        app.Services.GetRequiredService<ExplainApi>().Map(app);
        return app;
    }
}
