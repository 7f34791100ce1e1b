using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Relay.Cluster.Engine;

namespace Relay.Cluster.Links;

/// <summary>What all links of a node share.</summary>
internal sealed partial class LinkContext(NodeId self, IClusterEngine engine, LinkOptions options, TimeProvider time, ILogger logger, Meter? meter)
{
    private readonly long _start = time.GetTimestamp();

    // A node that is asked to use links twice in one run begins above what it drew before.
    private long _drawn = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
    private int _toldVersion;
    private int _toldHandler;
    private int _toldEngine;

    public IClusterEngine Engine => engine;

    public TimeProvider Time => time;

    public LinkMetrics Metrics { get; } = new(meter);

    /// <summary>Milliseconds since the links were made.</summary>
    public long Now => (long)time.GetElapsedTime(_start).TotalMilliseconds;

    private byte[] Key { get; } = LinkFrame.Key(self);

    public Link NewLink() => new(options, Key, () => Interlocked.Increment(ref _drawn));

    /// <summary>Bytes of frames that may wait while the handler is busy: more than one peer sends before it hears from here.</summary>
    public long MayWait => Math.Max(2 * options.Window, LinkOptions.MaxMessage);

    public void Began(NodeId peer)
    {
        Metrics.Began();
        LogBegan(peer);
    }

    public void Ended(NodeId peer)
    {
        Metrics.Ended();
        LogEnded(peer);
    }

    public void UnknownVersion(byte version)
    {
        if (Interlocked.Exchange(ref _toldVersion, 1) == 0)
        {
            LogUnknownVersion(version, LinkFrame.Version);
        }
    }

    public void HandlerFailed(Exception error)
    {
        if (Interlocked.Exchange(ref _toldHandler, 1) == 0)
        {
            LogHandlerFailed(error);
        }
    }

    /// <summary>A frame was not taken. What the engine is expected to say it tells itself; anything else is a mistake in it.</summary>
    public void EngineFailed(Exception error)
    {
        Metrics.Failed();
        if (error is not (ClusterEngineException or ObjectDisposedException) && Interlocked.Exchange(ref _toldEngine, 1) == 0)
        {
            LogEngineFailed(error);
        }
    }

    [LoggerMessage(EventId = 150, Level = LogLevel.Information, Message = "A session with node {Peer} began")]
    private partial void LogBegan(NodeId peer);

    [LoggerMessage(EventId = 151, Level = LogLevel.Information, Message = "The session with node {Peer} is over")]
    private partial void LogEnded(NodeId peer);

    [LoggerMessage(EventId = 152, Level = LogLevel.Warning, Message = "Frames of version {Version} come in from another node and are dropped: this node reads versions up to {Known}. Further ones are only counted")]
    private partial void LogUnknownVersion(byte version, byte known);

    [LoggerMessage(EventId = 153, Level = LogLevel.Error, Message = "The handler of the links between nodes failed; further failures are not logged")]
    private partial void LogHandlerFailed(Exception error);

    [LoggerMessage(EventId = 154, Level = LogLevel.Error, Message = "The cluster's engine failed in a way it should not when it was given a frame; further failures are not logged")]
    private partial void LogEngineFailed(Exception error);
}
