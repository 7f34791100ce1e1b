using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Relay.Node.WebSockets;

namespace Relay.Node.Listeners;

/// <summary>
/// Kestrel's socket transport with the <see cref="ConnectionGate"/> in its accept loops. A check any later would be too late: an accept loop can take
/// hundreds of connections before the thread pool has looked at the first, and the descriptors are gone.
/// </summary>
internal sealed class GatedTransportFactory(IOptions<SocketTransportOptions> options, ILoggerFactory loggers, ConnectionGate gate)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory _sockets = new(options, loggers);

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    /// <inheritdoc/>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new GatedListener(await _sockets.BindAsync(endpoint, cancellationToken), gate);

    private sealed class GatedListener(IConnectionListener listener, ConnectionGate gate) : IConnectionListener
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                var connection = await listener.AcceptAsync(cancellationToken);
                if (connection is null || gate.TryEnter())
                {
                    return connection;
                }

                // Before the next accept, so there is never more than one too many.
                connection.Abort();
                await connection.DisposeAsync();
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => listener.DisposeAsync();
    }
}
