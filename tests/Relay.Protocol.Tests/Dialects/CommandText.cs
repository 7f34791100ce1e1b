using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>Commands in one readable line, for transcripts.</summary>
internal static class CommandText
{
    public static string Of(ClientCommand? command) => command switch
    {
        null => "silence",
        RejectedCommand c => $"{(c.IsAck ? "refused" : "error")} {c.Code}",
        SubscribeCommand c => $"subscribe {c.Channel}{If(c.IsPattern, " pattern")}{Since(c.Since)}{If(c.Last > 0, $" last={c.Last}")}"
            + $"{If(c.LastPerKey, " last_per_key")}{If(c.FromMicros is not null, $" from={c.FromMicros}")}"
            + $"{If(c.Presence != PresenceWish.None, " presence")}{If(c.Presence == PresenceWish.Users, " by user")}{If(c.Filter is not null, $" filter=[{Join(c.Filter?.Patterns)}]")}",
        UnsubscribeCommand c => $"unsubscribe {c.Channel}",
        PublishCommand c => $"publish {c.Channel} {c.Event}{Data(c.Data)}{If(c.IdempotencyKey is not null, $" once={c.IdempotencyKey}")}"
            + $"{If(c.Key is not null, $" key={c.Key}")}{If(c.TtlMilliseconds > 0, $" ttl={c.TtlMilliseconds}")}"
            + If(c.IfVersion is not null, $" if={(c.IfVersion?.Epoch.IsNone == true ? "" : $"{c.IfVersion?.Epoch}:")}{c.IfVersion?.Offset}"),
        PublishBatchCommand c => $"batch [{string.Join("; ", c.Items.Select(Of))}]",
        PingCommand => "ping",
        AckCommand c => $"ack {(c.Position is { } p ? $"{p.Epoch}:{p.Offset}" : "nothing of ours")}",
        AuthCommand c => $"auth agent={c.AgentId ?? "-"} session={c.SessionId ?? "-"} token={c.Token ?? "-"}",
        RefreshCommand c => $"refresh {c.Token}",
        PresenceCommand c => $"presence {c.Channel}",
        ResumeCommand c => $"resume {c.Session}{string.Concat(c.Positions.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => $" {p.Key}={p.Value.Epoch}:{p.Value.Offset}"))}",
        HistoryCommand c => $"history {c.Channel}{Since(c.Since)}{If(c.Until is not null, $" until={c.Until}")}{If(c.FromMicros is not null, $" from={c.FromMicros}")}"
            + $"{If(c.LastPerKey, " last_per_key")}{If(c.Key is not null, $" key={c.Key}")} limit={c.Limit}",
        HookStatusCommand => "status",
        HookHistoryCommand c => $"history types={(c.EventTypes is null ? "all" : $"[{Join(c.EventTypes)}]")} limit={c.Limit}",
        HookFilterCommand c => $"filter [{Join(c.Filter.Patterns)}]",
        HookRegisterCommand c => $"register {c.SessionId ?? "everything"}",
        HookEventCommand c => $"event {c.Event} session={c.SessionId ?? "-"}{Data(c.Data)}",
        SessionCreateCommand => "create",
        SessionJoinCommand c => $"join '{c.SessionId}'",
        ChatCommand c => $"chat '{c.Content}'{Data(c.Data)}",
        TypingCommand c => $"typing{Data(c.Data)}",
        _ => throw new ArgumentOutOfRangeException(nameof(command), command, "A command without words."),
    } + If(command is { RequestId.IsPresent: true }, $" id={command?.RequestId}");

    private static string Since(StreamPosition? since) => If(since is not null, $" since={since?.Epoch}:{since?.Offset}");

    private static string Data(ReadOnlyMemory<byte> data) => If(!data.IsEmpty, " " + Encoding.UTF8.GetString(data.Span));

    private static string Join(IEnumerable<string>? names) => string.Join(' ', names ?? []);

    private static string If(bool condition, string text) => condition ? text : "";
}
