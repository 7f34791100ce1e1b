using System.Text;
using Relay.Actors.Connections;
using Relay.Actors.Fanout;
using Relay.Kernel.TestKit;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>Single parts, for tests of plain modules.</summary>
internal static class Make
{
    public static Epoch Epoch { get; } = new(77);

    public static ClientConnection Client(
        long id, DialectKind kind = DialectKind.Relay, FakeTransport? transport = null, bool deflate = false, int maxUnsent = 1 << 20, TimeProvider? time = null)
    {
        var dialect = Protocol.Dialects.ByKind(kind);
        var request = new ConnectionRequest { Dialect = dialect, Listener = "test", RemoteAddress = "127.0.0.1:1", Deflate = deflate };
        var encoding = new WireEncoding(dialect, deflate, 512);
        return new ClientConnection(id, "ws_" + id, request, encoding, transport ?? new FakeTransport(), time ?? new ManualTime(), maxUnsent);
    }

    public static Publication Event(
        long offset, string name = "e", string data = "1", long at = 0, long excluded = 0, Epoch? epoch = null, long expires = 0, string channel = "topics/x") => new()
        {
            Channel = channel,
            Event = name,
            Data = Encoding.UTF8.GetBytes(data),
            Position = new StreamPosition(epoch ?? Epoch, offset),
            TransientNumber = offset == 0 ? 1 : 0,
            TimestampMicros = at,
            ExcludedConnection = excluded,
            ExpiresMicros = expires,
        };

    /// <summary>An event that <c>updates</c> clients get byte for byte.</summary>
    public static Publication Verbatim(byte[] raw) => new()
    {
        Channel = "users",
        Event = "e",
        Raw = raw,
        RawFormat = RawFormat.Updates,
        Position = new StreamPosition(Epoch, 1),
        TimestampMicros = 0,
    };

    public static FakeClient Reader(ClientConnection connection, FakeTransport transport) => new(connection, transport, connection.Request);
}
