using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Relay.Node.Loops;
using Relay.Node.WebSockets;

namespace Relay.Node.Listeners;

/// <summary>
/// Binds the listeners: plain ones on the event loops where there are any, the others on Kestrel's sockets with the <see cref="ConnectionGate"/> in their accept loops.
/// A check any later would be too late: an accept loop can take hundreds of connections before the thread pool has looked at the first, and the descriptors are gone.
/// </summary>
internal sealed class GatedTransportFactory(IOptions<SocketTransportOptions> options, ILoggerFactory loggers, IServiceProvider services)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private readonly SocketTransportFactory _sockets = new(options, loggers);
    private readonly SocketConnectionContextFactory _contexts = new(new SocketConnectionFactoryOptions(), loggers.CreateLogger<SocketConnectionContextFactory>());

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => _sockets.CanBind(endpoint);

    /// <inheritdoc/>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            return await BindOneAsync(endpoint, cancellationToken);
        }
        catch (SocketException error) when (endpoint is ListenerEndPoint { IsAny: true } any && IsMissing(error))
        {
            return await BindOneAsync(new ListenerEndPoint(IPAddress.Any, any.Port, any.Identity, any.IsTls), cancellationToken);
        }
        catch (SocketException error) when (endpoint is ListenerEndPoint { IsOptional: true } && IsMissing(error))
        {
            return new NoListener(endpoint);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _contexts.Dispose();

    // Taken from the services only now: this factory is made with the application, before the node has opened what it keeps its events in.
    private async ValueTask<IConnectionListener> BindOneAsync(EndPoint endpoint, CancellationToken cancellationToken)
    {
        var server = services.GetRequiredService<WebSocketServer>();
        return endpoint is ListenerEndPoint { IsTls: false } plain && services.GetRequiredService<LoopChoice>().Loops is { } loops
            ? new LoopListener(Bind(plain), loops, server, plain.Identity, _contexts, loggers.CreateLogger<LoopListener>())
            : new GatedListener(await _sockets.BindAsync(endpoint, cancellationToken), server.Gate);
    }

    private static Socket Bind(EndPoint endpoint)
    {
        try
        {
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(error.Message, error);
        }
    }

    private static bool IsMissing(SocketException error) =>
        error.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable or SocketError.ProtocolNotSupported;

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

    /// <summary>An address that this machine does not have: nobody comes.</summary>
    private sealed class NoListener(EndPoint endpoint) : IConnectionListener
    {
        private readonly TaskCompletionSource<ConnectionContext?> _never = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint => endpoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => await _never.Task.WaitAsync(cancellationToken);

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _never.TrySetResult(null);
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
