using System.Diagnostics;
using Relay.Protocol;

namespace Relay.Actors.Tracing;

/// <summary>
/// Spans of events that belong to a sampled trace: one where the channel accepts it, and below that one on each node that brings it to its clients. They name the namespace and the offset,
/// never a channel or a user. An event without a trace costs a look at one field.
/// </summary>
public static class EventTraces
{
    /// <summary>Name of the source.</summary>
    public const string SourceName = "Relay.Events";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Whether any of them belongs to a trace.</summary>
    internal static bool AreIn(ReadOnlySpan<Publication> events)
    {
        foreach (var publication in events)
        {
            if (publication.Trace is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The channel has accepted them, and stored them where that is its namespace's way. What follows belongs below this span.
    /// </summary>
    /// <param name="unmarked">True = those that came without a trace may begin one, as the sampler says.</param>
    internal static void Accepted(ReadOnlySpan<Publication> events, string space, bool unmarked, TimeProvider time)
    {
        if (!Source.HasListeners())
        {
            return;
        }

        foreach (var publication in events)
        {
            if (publication.Trace is null && !unmarked)
            {
                continue;
            }

            using var span = Source.StartActivity(
                ActivityKind.Consumer, publication.Trace?.Context ?? default, startTime: At(publication.TimestampMicros), name: "accept " + space);
            if (span is null)
            {
                continue;
            }

            Describe(span, publication, space);
            span.SetEndTime(time.GetUtcNow().UtcDateTime);
            if (span.Recorded)
            {
                publication.Trace = new TraceParent(span.TraceId, span.SpanId);
            }
        }
    }

    /// <summary>This node has handed them to the sockets of its subscribers, or queued them there.</summary>
    /// <param name="startedMicros">When it began to.</param>
    internal static void Delivered(ReadOnlySpan<Publication> events, string space, int subscribers, long startedMicros, TimeProvider time)
    {
        if (!Source.HasListeners())
        {
            return;
        }

        foreach (var publication in events)
        {
            if (publication.Trace is not { } trace || Source.StartActivity(ActivityKind.Producer, trace.Context, startTime: At(startedMicros), name: "deliver " + space) is not { } span)
            {
                continue;
            }

            using (span)
            {
                Describe(span, publication, space);
                span.SetTag("relay.subscribers", subscribers);
                span.SetEndTime(time.GetUtcNow().UtcDateTime);
            }
        }
    }

    private static void Describe(Activity span, Publication publication, string space)
    {
        span.SetTag("messaging.system", "actorrelay");
        span.SetTag("messaging.destination.template", space);
        span.SetTag("relay.offset", publication.Position.Offset);
    }

    private static DateTimeOffset At(long micros) => DateTimeOffset.UnixEpoch.AddMicroseconds(micros);
}
