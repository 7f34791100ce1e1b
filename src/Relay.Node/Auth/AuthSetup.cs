using Microsoft.Extensions.DependencyInjection.Extensions;
using Relay.Actors.Connections;
using Relay.Node.Configuration;

namespace Relay.Node.Auth;

/// <summary>Brings authentication into the program.</summary>
public static class AuthSetup
{
    /// <summary>Registers <see cref="Authenticator"/>, also as <see cref="IAuthenticator"/>, and its <see cref="TokenIssuer"/>.</summary>
    public static IServiceCollection AddRelayAuth(this IServiceCollection services, AuthOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new Authenticator(options, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IAuthenticator>(provider => provider.GetRequiredService<Authenticator>());
        services.AddSingleton(provider => provider.GetRequiredService<Authenticator>().Issuer);
        return services;
    }
}
