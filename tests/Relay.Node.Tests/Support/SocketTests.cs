using Relay.Actors.Connections;
using Relay.Actors.Limits;
using Relay.Node.WebSockets;
using Relay.Protocol;

namespace Relay.Node.Tests.Support;

/// <summary>
/// What holds for every plain socket, whoever serves it: each test runs once on the event loops and once on Kestrel's sockets.
/// </summary>
/// <param name="eventLoops">As in <see cref="WebSocketServerOptions.EventLoops"/>.</param>
public abstract class SocketTests(int? eventLoops)
{
    /// <summary>Loops for the tests: two, so that one may take the other's turns on any machine.</summary>
    protected const int OnLoops = 2;

    /// <summary>No loops.</summary>
    protected const int OnKestrel = 0;

    private protected Task<TestNode> StartAsync(
        WebSocketServerOptions? options = null,
        DialectKind? dialect = null,
        TestCertificate? certificate = null,
        IAuthenticator? authenticator = null,
        TimeProvider? time = null,
        Action<RecordingHandler>? onOpen = null,
        bool proxyProtocol = false,
        RelayLimits? limits = null) =>
        TestNode.StartAsync((options ?? TestNode.Options) with { EventLoops = eventLoops }, dialect, certificate, authenticator, time, onOpen, proxyProtocol, limits: limits);
}
