using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>A worker's side of Redis, without the relay's own client: what is tested must not vouch for itself.</summary>
internal static class RedisCommands
{
    /// <summary>One command through <c>redis-cli</c>; its output.</summary>
    public static async Task<string> RunAsync(this RedisServerProcess redis, params string[] command)
    {
        using var cli = ServerProcess.Start(
            "redis-cli", ["-h", redis.Host, "-p", redis.Port.ToString(CultureInfo.InvariantCulture), .. command], "redis-cli was not found: apt-get install redis-tools");
        await cli.ExitedAsync();
        return cli.Output.Trim();
    }

    /// <summary>Publishes all messages on one connection, without waiting for an answer in between; returns when Redis has answered all.</summary>
    public static async Task PublishAllAsync(this RedisServerProcess redis, string channel, IReadOnlyList<string> messages)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, redis.Port));
        var commands = new MemoryStream();
        foreach (var message in messages)
        {
            var bytes = Encoding.UTF8.GetByteCount(message);
            commands.Write(Encoding.UTF8.GetBytes($"*3\r\n$7\r\nPUBLISH\r\n${channel.Length}\r\n{channel}\r\n${bytes}\r\n{message}\r\n"));
        }

        var answered = CountAnswersAsync(socket, messages.Count);
        var rest = commands.GetBuffer().AsMemory(0, (int)commands.Length);
        while (rest.Length > 0)
        {
            rest = rest[await socket.SendAsync(rest)..];
        }

        await answered.WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System);
    }

    private static async Task CountAnswersAsync(Socket socket, int expected)
    {
        var buffer = new byte[64 * 1024];
        for (var answers = 0; answers < expected;)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory());
            Assert.True(count > 0, "Redis hung up");
            Assert.False(buffer.AsSpan(0, count).Contains((byte)'-'), Encoding.UTF8.GetString(buffer, 0, count));
            answers += buffer.AsSpan(0, count).Count((byte)'\n');
        }
    }
}
