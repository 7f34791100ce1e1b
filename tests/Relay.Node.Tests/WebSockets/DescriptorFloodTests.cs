using System.Diagnostics;
using System.Net.Sockets;
using Relay.Node.Tests.Support;

namespace Relay.Node.Tests.WebSockets;

/// <summary>
/// The real program under a small file limit, flooded with more connections than it may have files. A server without the gate does not survive this: the
/// runtime aborts when it cannot start a thread (reliability.md, finding 3, R20).
/// </summary>
public sealed class DescriptorFloodTests
{
    private const int FileLimit = 600;
    private const int Sockets = 900;

    [Fact]
    public async Task A_node_flooded_beyond_its_file_limit_lives_and_serves_old_and_new_clients()
    {
        var folder = Directory.CreateTempSubdirectory("relay-flood-");
        using var node = Start(folder);
        var output = Task.FromResult("");
        try
        {
            var port = await PortAsync(node);

            // Whatever it prints from now on must not fill the pipe.
            output = node.StandardOutput.ReadToEndAsync();
            using var old = await OpenEchoAsync(port);
            for (var round = 0; round < 3; round++)
            {
                var flood = await Task.WhenAll(Enumerable.Range(0, Sockets).Select(_ => TryConnectAsync(port)));
                await EchoAsync(old, $"during flood {round}");
                foreach (var client in flood)
                {
                    client?.Reset();
                }

                using var later = await OpenWhenThereIsRoomAsync(port);
                await EchoAsync(later, $"after flood {round}");
                Assert.False(node.HasExited);
            }
        }
        finally
        {
            if (!node.HasExited)
            {
                node.Kill();
            }

            await node.WaitForExitAsync();
            await output;
            folder.Delete(recursive: true);
        }
    }

    private static Process Start(DirectoryInfo folder)
    {
        var start = new ProcessStartInfo("sh") { WorkingDirectory = folder.FullName, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])[
            "-c", $"ulimit -n {FileLimit}; exec \"$0\" \"$@\"", "dotnet", Testing.NodeProgram.Path,
            "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", "--Relay:Testing:Echo=true"])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static async Task<int> PortAsync(Process node)
    {
        const string Begin = "listening main ";
        using var limit = new CancellationTokenSource(Eventually.Limit);
        while (await node.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.StartsWith(Begin, StringComparison.Ordinal))
            {
                return new Uri(line.Split(' ')[2]).Port;
            }
        }

        throw new InvalidOperationException("the node ended before it listened");
    }

    private static async Task<RawClient> OpenEchoAsync(int port)
    {
        var client = await RawClient.ConnectAsync(port);
        await client.SendAsync(RawClient.Upgrade("/echo"));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return client;
    }

    private static async Task EchoAsync(RawClient client, string text)
    {
        await client.SendAsync(RawClient.Text(text));
        Assert.Equal(text, await client.ReadTextAsync());
    }

    /// <summary>Asks again while the node still closes what was reset: it says 503 or drops.</summary>
    private static async Task<RawClient> OpenWhenThereIsRoomAsync(int port)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        while (true)
        {
            limit.Token.ThrowIfCancellationRequested();
            if (await TryConnectAsync(port) is { } client)
            {
                try
                {
                    await client.SendAsync(RawClient.Upgrade("/echo"));
                    if ((await client.ReadHeadAsync()).StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal))
                    {
                        return client;
                    }
                }
                catch (Exception error) when (error is IOException or Xunit.Sdk.XunitException)
                {
                    // Dropped.
                }

                client.Dispose();
            }
        }
    }

    private static async Task<RawClient?> TryConnectAsync(int port)
    {
        try
        {
            return await RawClient.ConnectAsync(port);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
