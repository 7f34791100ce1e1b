using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Relay.Client;

/// <summary>Registration with a host's services.</summary>
public static class RelayClientServices
{
    /// <summary>One <see cref="RelayClient"/> for all, which connects with its first use and ends with the host.</summary>
    public static IServiceCollection AddRelayClient(this IServiceCollection services, Action<RelayClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddSingleton(provider =>
        {
            var options = new RelayClientOptions();
            configure(options);
            return new RelayClient(options, provider.GetService<ILogger<RelayClient>>());
        });
    }

    /// <summary>One <see cref="EventSender"/> for all, which ends with the host.</summary>
    public static IServiceCollection AddEventSender(this IServiceCollection services, Action<EventSenderOptions>? configure = null) => services.AddSingleton(provider =>
    {
        var options = new EventSenderOptions();
        configure?.Invoke(options);
        return new EventSender(options, provider.GetService<ILogger<EventSender>>());
    });
}
