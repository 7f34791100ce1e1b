using System.Net;
using Relay.Node.WebSockets;

namespace Relay.Node.Listeners;

/// <summary>An address with what its connections are, because Kestrel tells its transports nothing but the address.</summary>
internal sealed class ListenerEndPoint(IPAddress address, int port, ListenerIdentity identity, bool tls) : IPEndPoint(address, port)
{
    public ListenerIdentity Identity => identity;

    public bool IsTls => tls;

    /// <summary>
    /// True for the second address of <c>localhost</c>: a machine without it is no mistake.
    /// </summary>
    public bool IsOptional { get; init; }

    /// <summary>True for <c>*</c>: where there is no IPv6, the same port of IPv4 is meant.</summary>
    public bool IsAny => Address.Equals(IPAddress.IPv6Any);
}
