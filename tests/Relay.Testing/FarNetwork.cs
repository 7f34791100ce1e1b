using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;

namespace Relay.Testing;

/// <summary>What happens to each packet, on its way there as on its way back.</summary>
/// <param name="Delay">Milliseconds.</param>
/// <param name="Jitter">Milliseconds more or less.</param>
/// <param name="Loss">Share of the packets that do not arrive.</param>
/// <param name="Repeat">Share that arrives twice.</param>
/// <param name="Reorder">Share that overtakes what is under way.</param>
public sealed record NetworkTrouble(double Delay = 0, double Jitter = 0, double Loss = 0, double Repeat = 0, double Reorder = 0);

/// <summary>What happened so far, in packets.</summary>
public sealed record NetworkCounts(long Forwarded, long Lost, long Repeated, long Reordered);

/// <summary>
/// A network namespace that is reached over a network of its own, which delays, loses, repeats and reorders packets as a test wants it: real TCP over a bad way. <c>tests/faults/tunhub.py</c>
/// is that way. Linux, as root, with <c>/dev/net/tun</c>.
/// </summary>
public sealed class FarNetwork : IAsyncDisposable
{
    private const string NoIp = "ip was not found: apt-get install iproute2";

    private static readonly Lazy<string?> Missing = new(FindMissing);

    private readonly TempFolder _folder = new("relay-far-");
    private readonly string _namespace;
    private ServerProcess? _hub;

    private FarNetwork()
    {
        // 198.18.0.0/15 is for tests of networks (RFC 2544) and routed nowhere. Each process has four addresses of it.
        var subnet = (Environment.ProcessId * 4) & 0x1FFFC;
        Prefix = string.Create(CultureInfo.InvariantCulture, $"198.{18 + (subnet >> 16)}.{(subnet >> 8) & 255}.");
        (Near, Far) = ((subnet & 255) + 1, (subnet & 255) + 2);
        _namespace = string.Create(CultureInfo.InvariantCulture, $"relay-{Environment.ProcessId}");
    }

    /// <summary>Why there can be none here; null when there can.</summary>
    public static string? WhyNot => Missing.Value;

    /// <summary>Where from here programs are found that run <see cref="Inside"/>.</summary>
    public string Address => Prefix + Far.ToString(CultureInfo.InvariantCulture);

    /// <summary>A program with arguments that starts another in there and keeps its process id.</summary>
    public IReadOnlyList<string> Inside => ["nsenter", $"--net=/run/netns/{_namespace}"];

    private string Prefix { get; }

    private int Near { get; }

    private int Far { get; }

    private string Control => _folder.File("control");

    /// <summary>One at a time in a process. There is no trouble before <see cref="ChangeAsync"/>.</summary>
    public static async Task<FarNetwork> StartAsync()
    {
        var network = new FarNetwork();
        try
        {
            await network.OpenAsync();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on this happens to packets.</summary>
    /// <returns>What happened before.</returns>
    public async Task<NetworkCounts> ChangeAsync(NetworkTrouble trouble)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Control));
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(trouble, JsonSerializerOptions.Web));
        using var reader = new StreamReader(stream);
        return JsonSerializer.Deserialize<NetworkCounts>(await reader.ReadLineAsync() ?? "", JsonSerializerOptions.Web)!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_hub is not null)
        {
            _hub.Kill();
            await _hub.ExitedAsync();
            _hub.Dispose();
        }

        if (File.Exists($"/run/netns/{_namespace}"))
        {
            await ServerProcess.RunAsync("ip", ["netns", "delete", _namespace], NoIp);
        }

        _folder.Dispose();
    }

    private async Task OpenAsync()
    {
        await ServerProcess.RunAsync("ip", ["netns", "add", _namespace], NoIp);
        _hub = ServerProcess.Start(
            "python3", [Path.Combine(AppContext.BaseDirectory, "tunhub.py"), Control, $"{Prefix}{Near}/30", $"{Address}/30@{_namespace}"], "python3 was not found: apt-get install python3");
        await Eventually.UntilAsync(
            () => _hub.HasExited ? throw new ServerEndedException($"tunhub.py ended: {_hub.Output}") : Task.FromResult(_hub.Output.Contains("ready", StringComparison.Ordinal)), "tunhub.py");
    }

    // Being root is not enough: a container may have no right to make networks. Only trying tells.
    private static string? FindMissing()
    {
        if (!OperatingSystem.IsLinux())
            return "network namespaces are of Linux only";
        if (!Environment.IsPrivilegedProcess)
            return "only root can make a network";
        if (!File.Exists("/dev/net/tun"))
            return "there is no /dev/net/tun";
        if ((Disks.WhyNoProgram("ip", "iproute2") ?? Disks.WhyNoProgram("nsenter", "util-linux") ?? Disks.WhyNoProgram("python3", "python3")) is { } program)
            return program;
        try
        {
            StartAsync().GetAwaiter().GetResult().DisposeAsync().AsTask().GetAwaiter().GetResult();
            return null;
        }
        catch (Exception error) when (error is InvalidOperationException or TimeoutException)
        {
            return $"no network can be made here ({error.Message.Trim()})";
        }
    }
}
