using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.EndToEnd.Tests.Support;
using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>What attacks are made of.</summary>
internal static class Attack
{
    /// <summary>The status of the answer to these bytes; 0 = the connection was ended without one.</summary>
    public static async Task<int> StatusAsync(NodeProcess node, string request, string listener = "main") => StatusOf((await AnswerAsync(node, Encoding.Latin1.GetBytes(request), listener)).Head);

    /// <summary>Head and body of the answer.</summary>
    public static async Task<(string Head, string Body)> AnswerAsync(NodeProcess node, byte[] request, string listener = "main")
    {
        using var socket = await RawSocket.ConnectAsync(node.Port(listener));
        try
        {
            await socket.SendAsync(request);
        }
        catch (SocketException)
        {
            // Refused before everything was sent.
        }

        var head = await socket.HeadAsync();
        if (StatusOf(head) == 101)
        {
            return (head, "");
        }

        socket.HalfClose();
        return (head, Encoding.UTF8.GetString(await socket.ToEndAsync()));
    }

    public static int StatusOf(string head) => head.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture) : 0;

    /// <summary>A plain request with these header lines.</summary>
    public static string Get(string target, params string[] headers) => $"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{string.Concat(headers.Select(static line => line + "\r\n"))}\r\n";

    public static string Bearer(string token) => "Authorization: Bearer " + token;

    /// <summary>A raw WebSocket behind its handshake.</summary>
    public static async Task<RawSocket> OpenAsync(NodeProcess node, string target, params string[] headers)
    {
        var socket = await RawSocket.ConnectAsync(node.Port("main"));
        await socket.OpenAsync(target, headers);
        return socket;
    }

    public static Task<RawSocket> OpenNativeAsync(NodeProcess node, string? token = null, params string[] headers) =>
        OpenAsync(node, "/relay", [Bearer(token ?? HostileNode.ServiceKey), "Sec-WebSocket-Protocol: relay.v1", .. headers]);

    /// <summary>Sends as much as is taken; a reset in between is an answer, too.</summary>
    public static async Task TrySendAsync(this RawSocket socket, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            // It had enough.
        }
    }

    /// <summary>Reads on to a close frame and returns its code; null when the connection ended without one.</summary>
    public static async Task<int?> CloseCodeAsync(this RawSocket socket)
    {
        var bytes = await socket.ToEndAsync();
        int? code = null;
        for (var at = 0; at + 2 <= bytes.Length;)
        {
            var (length, head) = bytes[at + 1] switch
            {
                126 => ((bytes[at + 2] << 8) | bytes[at + 3], 4),
                127 => throw new InvalidOperationException("a frame of more than 64 KiB"),
                var small => (small, 2),
            };
            code = (bytes[at] & 0x0F) == (int)Opcode.Close && length >= 2 ? (bytes[at + head] << 8) | bytes[at + head + 1] : code;
            at += head + length;
        }

        return code;
    }

    /// <summary>Runs so many at once.</summary>
    public static Task ManyAsync(int count, Func<int, Task> attack) => Task.WhenAll(Enumerable.Range(0, count).Select(attack));

    /// <summary>A raw frame head with any length, masked with zeros.</summary>
    public static byte[] Announce(Opcode opcode, ulong length) =>
    [
        (byte)(0x80 | (int)opcode), 0x80 | 127,
        .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(unchecked((long)length))), 0, 0, 0, 0,
    ];
}
