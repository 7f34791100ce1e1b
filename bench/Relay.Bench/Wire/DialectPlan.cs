using System.Text;
using System.Text.Json;
using Relay.Bench.Measure;
using Relay.Bench.Options;
using Relay.Protocol;

namespace Relay.Bench.Wire;

/// <summary>
/// All that differs between the dialects the generator plays (protocols.md): where subscribers connect, what they say, when they are subscribed, what a
/// publish looks like. Plain data.
/// </summary>
internal sealed class DialectPlan
{
    private readonly string[] _names;

    private DialectPlan(string[] names, PublishComposer composer)
    {
        _names = names;
        Composer = composer;
    }

    /// <summary>Writes what is published.</summary>
    public PublishComposer Composer { get; }

    /// <summary>Subprotocol to ask for; null = none.</summary>
    public string? Subprotocol { get; private init; }

    /// <summary>Whether events carry epoch and offset.</summary>
    public bool HasPositions { get; private init; }

    /// <summary>Whether a subscriber asks for its channel and is acked; otherwise the upgrade itself subscribes.</summary>
    public bool Subscribes { get; private init; }

    /// <summary>Path and query of a subscriber of <paramref name="channel"/>.</summary>
    public string PathOf(int channel) => Subscribes ? PublisherPath : "/ws?userId=" + Uri.EscapeDataString(_names[channel]);

    /// <summary>Path of a publisher's WebSocket or of the HTTP publish.</summary>
    public required string PublisherPath { get; init; }

    /// <summary>Name of a channel as a JSON string.</summary>
    public string QuotedNameOf(int channel) => Quote(_names[channel]);

    /// <summary>The frame that subscribes to <paramref name="channel"/>.</summary>
    public byte[] SubscribeFrame(int channel) =>
        Encoding.UTF8.GetBytes($"{{\"type\":\"subscribe\",\"channel\":{Quote(_names[channel])},\"id\":\"s\"}}");

    /// <summary>The frame that subscribes to <paramref name="channel"/> and wants everything after <paramref name="since"/>.</summary>
    public byte[] ResumeFrame(int channel, StreamPosition since) => Encoding.UTF8.GetBytes(
        $"{{\"type\":\"subscribe\",\"channel\":{Quote(_names[channel])},\"id\":\"s\",\"since\":{{\"epoch\":\"{since.Epoch}\",\"offset\":{since.Offset}}}}}");

    /// <summary>The plan of a run.</summary>
    public static DialectPlan For(BenchOptions options, Marker marker) => options.Dialect switch
    {
        BenchDialect.Relay => Publishing(options, marker, "/relay", "relay.v1", "task.updated"),
        BenchDialect.Context => Publishing(options, marker, "/ws", "relay.context", "metric.update"),
        _ => Updates(options, marker),
    };

    private static DialectPlan Publishing(BenchOptions options, Marker marker, string path, string subprotocol, string usualEvent)
    {
        var names = Names(options, options.ChannelPrefix ?? $"topics/bench-{marker.Run}-");
        var heads = names.Select(name => $"{{\"type\":\"publish\",\"channel\":{Quote(name)},\"event\":{Quote(options.Event ?? usualEvent)},\"data\":");
        return new DialectPlan(names, new PublishComposer(marker, [.. heads], options.PayloadBytes, "", hasId: true))
        {
            PublisherPath = path,
            Subprotocol = subprotocol,
            HasPositions = options.Dialect == BenchDialect.Relay,
            Subscribes = true,
        };
    }

    private static DialectPlan Updates(BenchOptions options, Marker marker)
    {
        var names = Names(options, options.ChannelPrefix ?? $"bench-{marker.Run}-");
        var heads = names.Select(name => $"{{\"target_user_id\":{Quote(name)},\"type\":{Quote(options.Event ?? "agent_update")},\"payload\":");
        return new DialectPlan(names, new PublishComposer(marker, [.. heads], options.PayloadBytes, "}", hasId: false)) { PublisherPath = "/publish" };
    }

    private static string[] Names(BenchOptions options, string prefix) => [.. Enumerable.Range(0, options.Channels).Select(channel => $"{prefix}{channel}")];

    private static string Quote(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";
}
