using System.Text.Json;
using Relay.Kernel;
using Relay.Protocol;

namespace Relay.Actors.Hooks;

/// <summary>Asks for <c>system.status</c>; answered with a <see cref="HookStatusMessage"/>.</summary>
/// <param name="ConnectedClients">To be shown in it.</param>
public sealed record HookStatusQuery(int ConnectedClients);

/// <summary>Events that channel <c>hooks</c> accepted.</summary>
public sealed record EventsPassed(Publication[] Events);

/// <summary>Where the hooks listener is bound.</summary>
public sealed record HooksAddress(string Host, int Port);

/// <summary>
/// Keeps what <c>system.status</c> shows, from the <c>session.start</c>, <c>claude.status</c> and <c>session.end</c> events that pass channel <c>hooks</c>.
/// </summary>
public sealed class HookMonitor(TimeProvider time) : ActorBase
{
    private readonly HookState _state = new();
    private HooksAddress _address = new("127.0.0.1", 8765);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case EventsPassed passed:
                foreach (var publication in passed.Events)
                {
                    _state.Apply(publication.Event, publication.Data.Span, publication.TimestampMicros);
                }

                break;
            case HookStatusQuery query:
                Sender.Tell(_state.ToMessage(time.NowMicros(), query.ConnectedClients, _address.Host, _address.Port), Self);
                break;
            case HooksAddress address:
                _address = address;
                break;
            default:
                Unhandled(message);
                break;
        }
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
