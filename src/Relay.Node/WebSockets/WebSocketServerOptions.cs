using Relay.Actors;
using Relay.Node.Proxies;
using Relay.Protocol;
using Relay.Protocol.Handshake;

namespace Relay.Node.WebSockets;

/// <summary>What the WebSocket server must know of the configuration. Immutable; every bound names what happens at it.</summary>
public sealed record WebSocketServerOptions
{
    /// <summary>
    /// A complete request head must be there so long after the connection was accepted (TLS handshake apart). Later: 408 and close
    /// (reliability.md S15).
    /// </summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Bounds of a request head. Beyond them the HTTP pipeline answers 414 or 431; <see cref="Listeners.ListenerSetup"/> gives it the same bounds,
    /// so that what is too much here is too much there. 50 header lines: reliability.md §5.1(6).
    /// </summary>
    public HandshakeLimits Handshake { get; init; } = new() { MaxHeaders = 50 };

    /// <summary>
    /// Connections admitted at once, of every listener and kind; null or more than the file limit allows: as many as the file limit allows. Beyond: 503.
    /// </summary>
    public int? MaxConnections { get; init; }

    /// <summary>
    /// Descriptors that clients never get, at the least: files, Redis, PostgreSQL, pipes of new threads (reliability.md, finding 3). The runtime alone keeps one
    /// or two per loaded assembly: some 165 in a small program, 200 in this one once it has served a request.
    /// </summary>
    public int ReservedDescriptors { get; init; } = 250;

    /// <summary>
    /// Descriptors kept free beyond those in use when the listeners are set up: when that is more than <see cref="ReservedDescriptors"/>, it is the
    /// reserve. Assemblies loaded later, database files and connections come out of it.
    /// </summary>
    public int DescriptorHeadroom { get; init; } = 128;

    /// <summary>
    /// Connections beyond <see cref="MaxConnections"/> that may be open while they are told 503; further ones are dropped without a word. They come on
    /// top of the reserve.
    /// </summary>
    public int RefusalBand { get; init; } = 50;

    /// <summary>After a refusal or a protocol error: time for the peer to read the answer before a reset could overtake it (reliability.md, finding 8).</summary>
    public TimeSpan RefusalLinger { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>After a close frame or a protocol error of the client its handler must finish the connection within this time, else it is dropped.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A send that waits for the client must end within this time, else the connection is dropped. Holds even for a client whose
    /// pings keep coming while it reads nothing.
    /// </summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether permessage-deflate (never with context takeover) is agreed on with clients that offer it.</summary>
    public bool Deflate { get; init; } = true;

    /// <summary>Origins allowed besides the default ones, see <see cref="OriginPolicy"/>.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>Hosts by which the node may be asked, see <see cref="HostPolicy"/>; none = any.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>The proxies whose word about a client is believed.</summary>
    public ProxyTrust Proxies { get; init; } = ProxyTrust.None;

    /// <summary>Whether a token is also taken from the query string.</summary>
    public bool TokenInQuery { get; init; }

    /// <summary>The settings of a channel's namespace, for the rights of those who only listen.</summary>
    public Func<string, NamespaceSettings> Namespaces { get; init; } = static _ => new NamespaceSettings();

    /// <summary>Largest message in bytes by dialect where it differs from the dialect's profile. Beyond: 1009.</summary>
    public IReadOnlyDictionary<DialectKind, int> MaxMessageBytes { get; init; } = new Dictionary<DialectKind, int>();

    /// <summary>Frames of one message; beyond: 1008. 0 = as <see cref="Relay.Protocol.WebSockets.FrameLimits.ForMessagesOf"/> says.</summary>
    public int MaxFragments { get; init; }

    /// <summary>Bytes of one message after inflation; beyond: 1009. 0 = its largest size.</summary>
    public int MaxInflatedBytes { get; init; }

    /// <summary>Opens <c>/echo</c> on <c>auto</c> listeners, for conformance suites (<c>Relay:Testing:Echo</c>).</summary>
    public bool Echo { get; init; }

    /// <summary>Largest message on <c>/echo</c>. 16 MiB: the largest the Autobahn suite sends.</summary>
    public int EchoMessageBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Frames of one message on <c>/echo</c>. The Autobahn suite sends 4 MiB in pieces of 64 bytes: 65,536 frames.</summary>
    public int EchoFragments { get; init; } = 70_000;

    /// <summary>On <c>/echo</c>, a message must be complete so long after its first byte; else 4408.</summary>
    public TimeSpan EchoMessageDeadline { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Length of each listener's queue of connections not accepted yet; the kernel caps it at <c>net.core.somaxconn</c>.</summary>
    public int Backlog { get; init; } = 4096;

    /// <summary>
    /// Threads that serve plain listeners and run the actors, on Linux; null = one per processor, 0 = Kestrel's sockets and the thread pool do it, as
    /// they do elsewhere.
    /// </summary>
    public int? EventLoops { get; init; }
}
