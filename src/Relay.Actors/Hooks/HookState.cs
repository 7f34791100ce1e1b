using System.Text.Json;
using Relay.Actors.Cluster;
using Relay.Protocol;

namespace Relay.Actors.Hooks;

/// <summary>The state behind <c>system.status</c>. Plain data.</summary>
internal sealed class HookState
{
    private string? _sessionId;
    private string? _sessionStart;
    private string _status = "stopped";
    private long? _pid;
    private string? _workingDir;

    /// <summary>Time of the last event that meant something; 0 = none.</summary>
    public long AtMicros { get; private set; }

    /// <summary>Whether an event of this name means something.</summary>
    public static bool Concerns(string eventName) => eventName is "session.start" or "claude.status" or "session.end";

    public static HookState Read(ref WireReader reader) => new()
    {
        AtMicros = reader.Number(),
        _sessionId = reader.TextOrNull(),
        _sessionStart = reader.TextOrNull(),
        _status = reader.Text(),
        _pid = reader.Flag() ? reader.Number() : null,
        _workingDir = reader.TextOrNull(),
    };

    public void Write(WireWriter writer)
    {
        writer.Number(AtMicros).TextOrNull(_sessionId).TextOrNull(_sessionStart).Text(_status).Flag(_pid is not null);
        if (_pid is { } pid)
        {
            writer.Number(pid);
        }

        writer.TextOrNull(_workingDir);
    }

    public void Apply(string eventName, ReadOnlySpan<byte> data, long timestampMicros)
    {
        AtMicros = Concerns(eventName) ? timestampMicros : AtMicros;
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
