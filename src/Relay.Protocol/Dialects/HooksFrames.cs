namespace Relay.Protocol;

/// <summary>The longer server frames of <c>hooks</c>.</summary>
internal static class HooksFrames
{
    /// <summary><c>system.status</c>, the first frame a client sees.</summary>
    public static void Status(ref JsonText json, HookStatusMessage status)
    {
        json.Raw("{\"type\":\"system.status\",\"timestamp\":"u8);
        json.Instant(status.TimestampMicros);
        json.Raw(",\"data\":{\"session_id\":"u8);
        json.String(status.SessionId);
        json.Raw(",\"session_start\":"u8);
        json.String(status.SessionStart);
        json.Raw(",\"claude_status\":"u8);
        json.String(status.ClaudeStatus);
        json.Raw(",\"claude_pid\":"u8);
        if (status.ClaudePid is { } pid)
        {
            json.Number(pid);
        }
        else
        {
            json.Raw("null"u8);
        }

        json.Raw(",\"connected_clients\":"u8);
        json.Number(status.ConnectedClients);
        json.Raw(",\"websocket_port\":"u8);
        json.Number(status.Port);
        json.Raw(",\"instance_info\":{\"port\":"u8);
        json.Number(status.Port);
        json.Raw(",\"host\":"u8);
        json.String(status.Host);
        json.Raw(",\"working_dir\":"u8);
        json.String(status.WorkingDir);
        json.Raw("}}}"u8);
    }

    /// <summary>The answer to <c>subscribe</c>.</summary>
    public static void Subscribed(ref JsonText json, HookFilterMessage filter)
    {
        json.Raw("{\"type\":\"subscribed\",\"data\":{\"channels\":["u8);
        for (var i = 0; i < filter.Patterns.Count; i++)
        {
            json.Raw(i == 0 ? default : ","u8);
            json.String(filter.Patterns[i]);
        }

        json.Raw("]}}"u8);
    }
}
