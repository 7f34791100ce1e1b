using System.Collections.Frozen;

namespace Relay.Protocol.WebSockets;

/// <summary>What a client should do after a close: decided from the code alone, never from the reason text.</summary>
public enum Reconnect
{
    /// <summary>Connect again at once (with the usual jitter): the fault lies with the connection or the node, not the client.</summary>
    Now,

    /// <summary>Connect again with growing delays: the server is loaded or the client went too fast.</summary>
    Backoff,

    /// <summary>Do not connect again on its own: the same request would be refused or broken again.</summary>
    Never,
}

/// <summary>One row of the table of close codes.</summary>
/// <param name="Code">Number on the wire.</param>
/// <param name="Name">Name of the constant in <see cref="CloseCode"/>.</param>
/// <param name="Reconnect">What a client should do.</param>
/// <param name="Meaning">One line for people; printed into the documentation.</param>
public sealed record CloseCodeInfo(int Code, string Name, Reconnect Reconnect, string Meaning);

/// <summary>
/// WebSocket close codes: RFC 6455 §7.4.1 and the IANA registry below 3000, the relay's own from 4000.
/// <see cref="All"/> is the one place where a code gets its meaning for a machine.
/// </summary>
public static class CloseCode
{
    public const int Normal = 1000;
    public const int GoingAway = 1001;
    public const int ProtocolError = 1002;
    public const int UnsupportedData = 1003;

    /// <summary>Never on the wire: stands for a close frame without a code.</summary>
    public const int NoStatus = 1005;

    /// <summary>Never on the wire: stands for a connection that ended without a close frame.</summary>
    public const int Abnormal = 1006;

    public const int InvalidPayload = 1007;
    public const int PolicyViolation = 1008;
    public const int MessageTooBig = 1009;
    public const int MandatoryExtension = 1010;
    public const int InternalError = 1011;
    public const int ServiceRestart = 1012;
    public const int TryAgainLater = 1013;
    public const int BadGateway = 1014;

    /// <summary>Never on the wire: stands for a failed TLS handshake.</summary>
    public const int TlsHandshake = 1015;

    public const int PingTimeout = 4000;
    public const int BadRequest = 4400;
    public const int Unauthorized = 4401;
    public const int Forbidden = 4403;
    public const int MessageTimeout = 4408;
    public const int Replaced = 4409;
    public const int InsufficientState = 4412;
    public const int RateLimited = 4429;

    private static readonly FrozenDictionary<int, CloseCodeInfo> ByCode = Table().ToFrozenDictionary(info => info.Code);

    /// <summary>Every code the relay sends or understands, in ascending order.</summary>
    public static IReadOnlyList<CloseCodeInfo> All { get; } = Table();

    /// <summary>
    /// Whether a code may stand in a close frame (RFC 6455 §7.4 and the IANA registry): 1000-1003, 1007-1014, 3000-4999.
    /// 1004 is reserved; 1005, 1006 and 1015 are for local use only; 2000-2999 belong to extensions nobody has defined.
    /// </summary>
    public static bool IsValidOnWire(int code) => code is (>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999);

    /// <summary>The row of a code, or null when the relay gives it no meaning of its own.</summary>
    public static CloseCodeInfo? Find(int code) => ByCode.GetValueOrDefault(code);

    /// <summary>
    /// What a client should do after this code. Codes outside the table: below 3000 as after a broken connection (back-off);
    /// 3000-4999 belong to an application the client does not know, so it had better not hammer it (back-off as well).
    /// </summary>
    public static Reconnect ReconnectAfter(int code) => Find(code)?.Reconnect ?? Reconnect.Backoff;

    private static CloseCodeInfo[] Table() =>
    [
        new(Normal, nameof(Normal), Reconnect.Never, "closed on purpose"),
        new(GoingAway, nameof(GoingAway), Reconnect.Now, "the node shuts down, or the page was left"),
        new(ProtocolError, nameof(ProtocolError), Reconnect.Never, "a frame broke RFC 6455 or RFC 7692"),
        new(UnsupportedData, nameof(UnsupportedData), Reconnect.Never, "a binary frame where only text is spoken, or the reverse"),
        new(NoStatus, nameof(NoStatus), Reconnect.Backoff, "closed without a code (never sent)"),
        new(Abnormal, nameof(Abnormal), Reconnect.Backoff, "connection lost without a close frame (never sent)"),
        new(InvalidPayload, nameof(InvalidPayload), Reconnect.Never, "text that is not UTF-8, or a broken compressed stream"),
        new(PolicyViolation, nameof(PolicyViolation), Reconnect.Never, "a limit that is a rule of use was broken"),
        new(MessageTooBig, nameof(MessageTooBig), Reconnect.Never, "message larger than the limit, as sent or inflated"),
        new(MandatoryExtension, nameof(MandatoryExtension), Reconnect.Never, "the client needs an extension the server does not offer"),
        new(InternalError, nameof(InternalError), Reconnect.Backoff, "a fault of the server"),
        new(ServiceRestart, nameof(ServiceRestart), Reconnect.Now, "planned hand-over; the reason may carry a delay"),
        new(TryAgainLater, nameof(TryAgainLater), Reconnect.Backoff, "overload, or this client reads too slowly"),
        new(BadGateway, nameof(BadGateway), Reconnect.Backoff, "a server behind this one gave no usable answer"),
        new(TlsHandshake, nameof(TlsHandshake), Reconnect.Never, "TLS handshake failed (never sent)"),
        new(PingTimeout, nameof(PingTimeout), Reconnect.Now, "nothing was heard from the client in time"),
        new(BadRequest, nameof(BadRequest), Reconnect.Never, "input the dialect cannot accept"),
        new(Unauthorized, nameof(Unauthorized), Reconnect.Never, "token missing, invalid, expired or revoked: get a new one first"),
        new(Forbidden, nameof(Forbidden), Reconnect.Never, "the right is missing"),
        new(MessageTimeout, nameof(MessageTimeout), Reconnect.Backoff, "a message or a handshake step stayed unfinished too long"),
        new(Replaced, nameof(Replaced), Reconnect.Never, "the same session connected elsewhere"),
        new(InsufficientState, nameof(InsufficientState), Reconnect.Now, "the node lost the place of this client: resume from the last offset"),
        new(RateLimited, nameof(RateLimited), Reconnect.Backoff, "too many frames, bytes or requests"),
    ];
}
