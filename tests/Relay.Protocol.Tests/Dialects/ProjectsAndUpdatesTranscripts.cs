namespace Relay.Protocol.Tests;

/// <summary>protocols.md, <c>projects</c> and <c>updates</c>.</summary>
public sealed class ProjectsAndUpdatesTranscripts
{
    private const string Worker = "{\"type\" : \"agent_update\",\"payload\":{\"n\":1.50},\"target_user_id\":\"u1\", \"unknown\":[ ]}";

    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["task"] = Sample.Event("projects/p1", "task_update", "{\"b\":1, \"a\":2.50}"),
        ["no payload"] = Sample.Event("projects/p1", "project_deleted"),
        ["for a user"] = Sample.Event("users/u\"1", "agent_update", "[1]"),
        ["for all"] = Sample.Event("users", "notice"),
        ["worker"] = Sample.Raw(RawFormat.Updates, Worker, "users/u1", "agent_update", "{\"n\":1.50}"),
        ["hook"] = Sample.Raw(RawFormat.Hooks, "{\"type\":\"hook.stop\"}", "hooks", "hook.stop", "{}"),
        ["error"] = new ErrorMessage { TimestampMicros = Sample.Micros, Code = ErrorCode.RateLimited, Text = "x" },
        ["connected"] = new ConnectedMessage { TimestampMicros = Sample.Micros, ClientId = "ws_1" },
    };

    [Fact]
    public void Projects_say_type_and_payload_and_nothing_else() => Transcript.Play(
        new ProjectsDialect(),
        """
        ! task
        < {"type":"task_update","payload":{"b":1, "a":2.50}}
        ! no payload
        < {"type":"project_deleted","payload":null}
        ! worker
        < {"type":"agent_update","payload":{"n":1.50}}
        ! hook
        < {"type":"hook.stop","payload":{}}
        ! error
        < nothing
        ! connected
        < nothing
        > {"type":"ping"}
        = silence
        > nonsense
        = silence
        """,
        Says);

    [Fact]
    public void Updates_forward_the_workers_bytes_and_envelop_the_rest() => Transcript.Play(
        new UpdatesDialect(),
        """
        ! worker
        < {"type" : "agent_update","payload":{"n":1.50},"target_user_id":"u1", "unknown":[ ]}
        ! for a user
        < {"target_user_id":"u\"1","type":"agent_update","payload":[1]}
        ! for all
        < {"type":"notice","payload":null}
        ! task
        < {"type":"task_update","payload":{"b":1, "a":2.50}}
        ! hook
        < {"type":"hook.stop","payload":{}}
        ! error
        < nothing
        ! connected
        < nothing
        > {"type":"ping"}
        = silence
        """,
        Says);
}
