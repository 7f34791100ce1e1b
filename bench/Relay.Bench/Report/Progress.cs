using System.Globalization;

namespace Relay.Bench.Report;

/// <summary>Writes one line per second for whoever watches. Owned by the run's ticker.</summary>
/// <param name="output">Null = nobody watches.</param>
internal sealed class Progress(TextWriter? output)
{
    private long _lastReceived;
    private long _lastPublished;
    private double _lastCpu;

    /// <summary>The subscribers are being opened.</summary>
    public void Connecting(int ready, int failed, int all) =>
        output?.WriteLine($"connecting  {Whole(ready)} of {Whole(all)} ready, {failed} failed");

    /// <summary>The load runs.</summary>
    /// <param name="phase">warm-up, load or drain.</param>
    /// <param name="second">Seconds since the load began.</param>
    /// <param name="received">Deliveries so far.</param>
    /// <param name="published">Publishes so far.</param>
    /// <param name="open">Publishes of the closed loop that wait for deliveries.</param>
    /// <param name="serverCpu">CPU seconds of the server so far; null when it is not watched.</param>
    /// <param name="elapsed">Seconds since the line before.</param>
    public void Loading(string phase, double second, long received, long published, long open, double? serverCpu, double elapsed)
    {
        if (output is null)
        {
            return;
        }

        var cpu = serverCpu is { } now ? $"  server {100 * (now - _lastCpu) / elapsed:F0} %" : "";
        output.WriteLine(
            $"{phase,-8}{second,4:F0} s  {Whole((received - _lastReceived) / elapsed),12} deliveries/s  {Whole((published - _lastPublished) / elapsed),10} publishes/s  open {open}{cpu}");
        (_lastReceived, _lastPublished, _lastCpu) = (received, published, serverCpu ?? 0);
    }

    /// <summary>A run of <c>--resume</c> goes on.</summary>
    public void Resuming(string phase, long published, long received, int back, int all) =>
        output?.WriteLine($"{phase,-8}{Whole(published)} published, {Whole(received)} deliveries, {Whole(back)} of {Whole(all)} back");

    /// <summary>A phase without figures begins.</summary>
    public void Say(string phase) => output?.WriteLine(phase);

    /// <summary>Where the server's CPU time stood before the load.</summary>
    public void Begin(double serverCpu) => _lastCpu = serverCpu;

    private static string Whole(double value) => value.ToString("#,0", CultureInfo.InvariantCulture);
}
