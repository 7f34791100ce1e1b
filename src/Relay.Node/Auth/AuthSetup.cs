using Microsoft.Extensions.DependencyInjection.Extensions;
using Relay.Actors.Connections;
using Relay.Actors.Security;
using Relay.Node.Configuration;
using Relay.Node.Configuration.Live;
using Relay.Node.Health;

namespace Relay.Node.Auth;

/// <summary>Brings authentication into the program.</summary>
public static class AuthSetup
{
    /// <summary>
    /// Registers <see cref="Authenticator"/>, also as <see cref="IAuthenticator"/>, what was revoked, and who fetches the issuer's keys. Needs a
    /// <see cref="HealthState"/>.
    /// </summary>
    public static IServiceCollection AddRelayAuth(this IServiceCollection services, AuthOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new Revocations(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new Authenticator(options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<Revocations>()));
        services.AddSingleton<IAuthenticator>(provider => provider.GetRequiredService<Authenticator>());
        services.AddSingleton<ILiveOptions>(provider => new LivePart(next => provider.GetRequiredService<Authenticator>().Prepare(next.Auth)));
        if (options.Jwt.JwksUrl.Length > 0)
        {
            services.AddHostedService(provider => new JwksFetcher(
                provider.GetRequiredService<Authenticator>(),
                options.Jwt,
                provider.GetRequiredService<HealthState>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<JwksFetcher>>()));
        }

        return services;
    }
}
