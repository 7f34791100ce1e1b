// What an idle connection costs. Starts a node as a process of its own, opens connections that say nothing, and prints how much its memory grew for each.
//
//   dotnet run -c Release --project bench/idle                      10,000 native connections
//   dotnet run -c Release --project bench/idle -- 19000 updates     as many of another family: native, context, hooks, webui, updates
//
// Resident memory is read from /proc after the node had a few seconds to give back what setting up the connections took. Connections beyond the file
// limit of either process (ulimit -n) cannot be opened; the node keeps some 300 descriptors for itself.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

const int Warm = 500;
const int Parallel = 64;

var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 10_000;
var (listener, target) = (args.Length > 1 ? args[1] : "native") switch
{
    "native" => ("main", "/relay"),
    "context" => ("context", "/"),
    "hooks" => ("hooks", "/"),
    "webui" => ("main", "/ws"),
    "updates" => ("main", "/ws?userId=u{0}"),
    var other => throw new InvalidOperationException($"'{other}' is none of native, context, hooks, webui, updates"),
};

using var node = Start();
var sockets = new List<Socket>(count);
IPEndPoint? endpoint = null;
try
{
    endpoint = new IPEndPoint(IPAddress.Loopback, (await ReadPortsAsync(node))[listener]);

    // Whatever it logs from now on must not fill the pipe.
    _ = node.StandardOutput.ReadToEndAsync();

    // The first ones pay for what is compiled and set up once.
    await OpenAsync(Warm);
    var before = await SettledAsync(node);
    var cpu = node.TotalProcessorTime;
    var began = TimeProvider.System.GetTimestamp();
    await OpenAsync(count - Warm);
    var seconds = TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    node.Refresh();
    var spent = node.TotalProcessorTime - cpu;
    var peak = Resident(node);
    var after = await SettledAsync(node);
    var opened = count - Warm;
    Console.WriteLine($"connections   {count} ({target} on {listener}), {Warm} of them before the measurement");
    Console.WriteLine($"opened        {opened / seconds:0}/s, {spent.TotalMicroseconds / opened:0} us of the node's CPU each");
    Console.WriteLine($"resident      {before >> 20} MiB before, {peak >> 20} MiB just after, {after >> 20} MiB settled");
    Console.WriteLine($"each          {(peak - before) / (double)opened / 1024:0.00} KiB just after, {(after - before) / (double)opened / 1024:0.00} KiB settled");
}
finally
{
    sockets.ForEach(static socket => socket.Dispose());
    node.Kill();
    node.WaitForExit();
}

return 0;

static Process Start()
{
    var info = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
    info.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Relay.Node.dll"));
    foreach (var name in new[] { "main", "hooks", "context" })
    {
        info.ArgumentList.Add($"--Relay:Listeners:{name}:Url=http://127.0.0.1:0");
    }

    return Process.Start(info)!;
}

static async Task<Dictionary<string, int>> ReadPortsAsync(Process node)
{
    var ports = new Dictionary<string, int>(StringComparer.Ordinal);
    while (await node.StandardOutput.ReadLineAsync() is { } line)
    {
        if (line == "ready")
        {
            return ports;
        }

        if (line.Split(' ') is ["listening", var name, var url, ..])
        {
            ports[name] = new Uri(url).Port;
        }
    }

    throw new InvalidOperationException("the node did not start");
}

async Task OpenAsync(int more)
{
    for (var opened = 0; opened < more; opened += Parallel)
    {
        await Task.WhenAll(Enumerable.Range(0, Math.Min(Parallel, more - opened)).Select(_ => OpenOneAsync()));
    }
}

async Task OpenOneAsync()
{
    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    int number;
    lock (sockets)
    {
        number = sockets.Count;
        sockets.Add(socket);
    }

    await socket.ConnectAsync(endpoint!);
    await socket.SendAsync(Encoding.ASCII.GetBytes(
        $"GET {string.Format(CultureInfo.InvariantCulture, target, number)} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    var head = new byte[1024];
    var answer = Encoding.ASCII.GetString(head, 0, await socket.ReceiveAsync(head.AsMemory()));
    if (!answer.StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
    {
        throw new InvalidOperationException($"connection {number} was refused: {answer}");
    }
}

// Until three readings in a row, a second apart, no longer fall.
static async Task<long> SettledAsync(Process node)
{
    var (lowest, still) = (long.MaxValue, 0);
    while (still < 3)
    {
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        var now = Resident(node);
        still = now < lowest ? 0 : still + 1;
        lowest = Math.Min(lowest, now);
    }

    return lowest;
}

static long Resident(Process node)
{
    node.Refresh();
    return node.WorkingSet64;
}
