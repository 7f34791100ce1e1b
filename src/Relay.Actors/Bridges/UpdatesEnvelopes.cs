using System.Diagnostics.CodeAnalysis;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Bridges;

/// <summary>
/// From a worker's bytes to an item for the bridge: protocols.md, <c>updates</c>. Used for Redis Pub/Sub, Redis streams and <c>POST /publish</c>, so that an
/// envelope means the same by whichever way it comes. Thread-safe.
/// </summary>
public sealed class UpdatesEnvelopes
{
    private readonly BridgeFaults _faults;

    internal UpdatesEnvelopes(BridgeFaults faults) => _faults = faults;

    /// <summary>Reads one message; what cannot be read is counted and logged here.</summary>
    /// <param name="source">As in <see cref="BridgeMetrics"/>.</param>
    /// <param name="message">The message, kept and forwarded verbatim: the caller does not change it afterwards.</param>
    /// <param name="key">Idempotency key for an envelope without an <c>id</c> of its own; null = none.</param>
    /// <param name="item">The event and its channels.</param>
    /// <param name="fault">Why not; see <see cref="BridgeFaults.Explain"/>.</param>
    public bool TryRead(string source, ReadOnlyMemory<byte> message, string? key, [NotNullWhen(true)] out BridgeItem? item, out EnvelopeFault fault)
    {
        if (!UpdatesEnvelope.TryParse(message, out var envelope, out fault))
        {
            item = null;
            _faults.Report(source, fault);
            return false;
        }

        item = new BridgeItem(envelope.Channels, new PublishItem
        {
            Event = envelope.Type,
            Data = envelope.Payload,
            Raw = envelope.Raw,
            RawFormat = RawFormat.Updates,
            IdempotencyKey = envelope.Id ?? key,
            Trace = envelope.Trace,
        });
        return true;
    }
}
