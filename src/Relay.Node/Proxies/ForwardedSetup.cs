using Relay.Node.WebSockets;

namespace Relay.Node.Proxies;

/// <summary>What trusted proxies say of a request's client, for everything behind.</summary>
public static class ForwardedSetup
{
    /// <summary>
    /// Puts the client's address, host and scheme in place of the proxy's, where a configured proxy names them; refuses hosts that this node is not asked by. Put first.
    /// </summary>
    public static IApplicationBuilder UseRelayProxies(this IApplicationBuilder app)
    {
        var options = app.ApplicationServices.GetRequiredService<WebSocketServerOptions>();
        var door = app.ApplicationServices.GetRequiredService<DoorPolicies>();
        return app.Use((context, next) =>
        {
            if (options.Proxies.IsUsed)
            {
                var client = options.Proxies.See(context.Connection.RemoteIpAddress, name => context.Request.Headers[name] is { Count: > 0 } lines ? lines.ToString() : null);
                if (client.Address is { } named)
                {
                    context.Connection.RemoteIpAddress = named;
                    context.Items[typeof(ForwardedClient)] = true;
                }

                context.Request.Host = client.Host is { } host ? new HostString(host) : context.Request.Host;
                context.Request.Scheme = client.Scheme ?? context.Request.Scheme;
            }

            // Orchestrators ask by the address, and both tell nothing that a stranger must not know.
            if (context.Request.Path.Value is "/live" or "/ready" || door.Hosts.Allows(context.Request.Host.Value))
            {
                return next(context);
            }

            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            context.Response.ContentType = "text/plain; charset=utf-8";
            return context.Response.WriteAsync(HostPolicy.Refusal, context.RequestAborted);
        });
    }
}
