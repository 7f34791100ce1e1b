using System.Diagnostics.Metrics;
using Relay.Actors.Channels;
using Relay.Redis.Servers;

namespace Relay.Storage.Journals.Redis;

/// <summary>How the journal uses Redis. Immutable.</summary>
public sealed record RedisJournalOptions
{
    /// <summary>Begins every key.</summary>
    public string Prefix { get; init; } = "relay:journal:";

    /// <summary>The servers that streams are spread over, as <c>HashRing</c> writes them: who was told of others is refused. Nothing is opened on a server whose streams lie by another ring.</summary>
    public string Ring { get; init; } = RedisServers.MainName;

    /// <summary>
    /// Replicas that must have a write before it counts as stored; else it is Unavailable, in doubt. The journal then has a connection of its own. 0 = the server's word is enough.
    /// </summary>
    public int WaitReplicas { get; init; }

    /// <summary>How long they are waited for; nothing else is written meanwhile.</summary>
    public TimeSpan WaitTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bounds of queue and groups.</summary>
    public JournalLimits Limits { get; init; } = new();

    /// <summary>Where the journal counts what it does.</summary>
    public JournalMetrics Metrics { get; init; } = new(new Meter(JournalMetrics.MeterName));
}
