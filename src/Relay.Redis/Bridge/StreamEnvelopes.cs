using System.Diagnostics.CodeAnalysis;
using Relay.Actors.Bridges;
using Relay.Protocol;
using Relay.Redis.Commands;

namespace Relay.Redis.Bridge;

/// <summary>Reads entries of one stream: the envelope is in the field <c>json</c>.</summary>
/// <param name="stream">Its name over all servers; begins the keys of entries.</param>
/// <param name="maxBytes">Of an envelope.</param>
/// <param name="services">Reads and counts.</param>
internal sealed class StreamEnvelopes(string stream, int maxBytes, BridgeServices services)
{
    /// <summary>What is to be delivered; false with the reason when that cannot be done however often it is tried. Such an entry is counted here.</summary>
    public bool TryRead(StreamEntry entry, [NotNullWhen(true)] out BridgeItem? item, out string reason)
    {
        reason = "";
        item = null;
        var json = entry.Field("json"u8);
        var message = json.AsMemory();
        if (message.Length > maxBytes)
        {
            reason = $"larger than {maxBytes} bytes";
            services.Faults.Report(RedisStreamSource.SourceName, EnvelopeFault.TooLarge);
            return false;
        }

        if (!services.Envelopes.TryRead(RedisStreamSource.SourceName, message, $"stream:{stream}:{entry.Id}", out item, out var fault))
        {
            reason = json.IsNull ? "the entry has no field 'json'" : BridgeFaults.Explain(fault);
            return false;
        }

        return true;
    }
}
