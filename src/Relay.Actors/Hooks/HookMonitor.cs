using System.Text.Json;
using Relay.Actors.Channels;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Hooks;

/// <summary>Asks for <c>system.status</c>; answered with a <see cref="HookStatusMessage"/>.</summary>
/// <param name="ConnectedClients">To be shown in it.</param>
public sealed record HookStatusQuery(int ConnectedClients);

/// <summary>Events that channel <c>hooks</c> accepted.</summary>
public sealed record EventsPassed(Publication[] Events);

/// <summary>Channel <c>hooks</c> is durable: what it holds is to be read before anybody is answered.</summary>
/// <param name="Channels">Where it lives.</param>
public sealed record HooksStored(IActorRef Channels);

/// <summary>Where the hooks listener is bound.</summary>
public sealed record HooksAddress(string Host, int Port);

/// <summary>
/// Keeps what <c>system.status</c> shows, from the <c>session.start</c>, <c>claude.status</c> and <c>session.end</c> events that pass channel <c>hooks</c>,
/// and from those it holds of earlier, when it is durable.
/// </summary>
public sealed class HookMonitor(TimeProvider time) : ActorBase
{
    /// <summary>So long clients wait for the stored events: a journal that is ill must not keep them from being greeted.</summary>
    private static readonly TimeSpan ReadingTime = TimeSpan.FromSeconds(5);

    private readonly HookState _state = new();
    private readonly List<(HookStatusQuery Query, IActorRef Asker)> _waiting = [];
    private HooksAddress _address = new("127.0.0.1", 8765);
    private StreamPosition _read;
    private bool _reading;

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case HooksStored stored:
                _reading = true;
                stored.Channels.Tell(new ShardEnvelope("hooks", new HistoryQuery { Limit = int.MaxValue }), Self);
                Context.Timers.StartSingle("reading", ReadingTimeOver.Instance, ReadingTime);
                break;
            case HistoryReply stored:
                // It was asked for before the first event of this process could pass: those come behind it.
                Apply(stored.Events);
                _read = stored.Position;
                AnswerAll();
                break;
            case ReadingTimeOver:
                AnswerAll();
                break;
            case EventsPassed passed:
                Apply(passed.Events);
                break;
            case HookStatusQuery query when _reading:
                _waiting.Add((query, Sender));
                break;
            case HookStatusQuery query:
                Answer(query, Sender);
                break;
            case HooksAddress address:
                _address = address;
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Apply(IEnumerable<Publication> events)
    {
        foreach (var publication in events)
        {
            if (publication.Position.Epoch != _read.Epoch || publication.IsTransient || publication.Position.Offset > _read.Offset)
            {
                _state.Apply(publication.Event, publication.Data.Span, publication.TimestampMicros);
            }
        }
    }

    private void AnswerAll()
    {
        _reading = false;
        foreach (var (query, asker) in _waiting)
        {
            Answer(query, asker);
        }

        _waiting.Clear();
    }

    private void Answer(HookStatusQuery query, IActorRef asker) =>
        asker.Tell(_state.ToMessage(time.NowMicros(), query.ConnectedClients, _address.Host, _address.Port), Self);

    private sealed class ReadingTimeOver
    {
        public static ReadingTimeOver Instance { get; } = new();
    }
}

/// <summary>The state behind <c>system.status</c>. Plain data.</summary>
internal sealed class HookState
{
    private string? _sessionId;
    private string? _sessionStart;
    private string _status = "stopped";
    private long? _pid;
    private string? _workingDir;

    public void Apply(string eventName, ReadOnlySpan<byte> data, long timestampMicros)
    {
        switch (eventName)
        {
            case "session.start":
                _sessionId = null;
                _sessionStart = DateTimeOffset.UnixEpoch.AddMicroseconds(timestampMicros).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ");
                _status = "running";
                Read(data, static (state, name, reader) => state.ReadStart(name, reader));
                break;
            case "claude.status":
                Read(data, static (state, name, reader) => state.ReadStatus(name, reader));
                break;
            case "session.end":
                _status = "stopped";
                _pid = null;
                break;
        }
    }

    public HookStatusMessage ToMessage(long nowMicros, int connectedClients, string host, int port) => new()
    {
        TimestampMicros = nowMicros,
        SessionId = _sessionId,
        SessionStart = _sessionStart,
        ClaudeStatus = _status,
        ClaudePid = _pid,
        ConnectedClients = connectedClients,
        Host = host,
        Port = port,
        WorkingDir = _workingDir,
    };

    private void ReadStart(string name, JsonElement value)
    {
        switch (name)
        {
            case "session_id":
                _sessionId = Text(value);
                break;
            case "session_start" or "start_time":
                _sessionStart = Text(value) ?? _sessionStart;
                break;
            case "working_dir" or "working_directory" or "cwd":
                _workingDir = Text(value);
                break;
            default:
                ReadStatus(name, value);
                break;
        }
    }

    private void ReadStatus(string name, JsonElement value)
    {
        switch (name)
        {
            case "status" or "claude_status" when Text(value) is "stopped" or "starting" or "running" or "error":
                _status = Text(value)!;
                break;
            case "pid" or "claude_pid":
                _pid = value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var pid) ? pid : null;
                break;
        }
    }

    private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // A sender's data is anything; what cannot be read changes nothing.
    private void Read(ReadOnlySpan<byte> data, Action<HookState, string, JsonElement> apply)
    {
        var reader = new Utf8JsonReader(data, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            if (!JsonElement.TryParseValue(ref reader, out var element) || element.Value.ValueKind != JsonValueKind.Object)
            {
                return;
            }

            foreach (var property in element.Value.EnumerateObject())
            {
                apply(this, property.Name, property.Value);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Lone surrogates in names or values: GetString throws InvalidOperationException.
        }
    }
}
