namespace Relay.Protocol.WebSockets;

/// <summary>Outcome of reading a <c>Sec-WebSocket-Extensions</c> header.</summary>
public enum ExtensionOutcome
{
    /// <summary>Nothing offered that can be accepted: the connection goes on without extensions.</summary>
    None,

    /// <summary>permessage-deflate without context takeover in either direction.</summary>
    Deflate,

    /// <summary>The header breaks its grammar (RFC 6455 §9.1: the handshake fails).</summary>
    Malformed,
}

/// <summary>
/// Constants and negotiation of permessage-deflate (RFC 7692). Both directions always run without context takeover: then a
/// compressed message does not depend on what a connection saw before and can be shared by all subscribers, and an idle
/// connection keeps no window. A server may ask for both unasked (RFC 7692 §7.1.1).
/// </summary>
public static class PerMessageDeflate
{
    public const string Name = "permessage-deflate";

    private const string Answer = Name + "; server_no_context_takeover; client_no_context_takeover";

    // The deflater has a fixed window of 32 KiB, so 15 is the only bound it can honour.
    private const string AnswerWithWindow = Answer + "; server_max_window_bits=15";

    /// <summary>The end of a sync flush, cut from each compressed message and appended again before inflating (RFC 7692 §7.2.1).</summary>
    public static ReadOnlySpan<byte> Tail => [0x00, 0x00, 0xFF, 0xFF];

    /// <summary>Payload of a compressed empty message (RFC 7692 §7.2.3.6).</summary>
    public static ReadOnlySpan<byte> EmptyMessage => [0x00];

    /// <summary>
    /// Chooses the first acceptable offer of a header (all its lines joined with commas). An offer with an unknown,
    /// repeated or invalid parameter is declined and the next one looked at. One pass, whatever the header holds.
    /// </summary>
    /// <param name="header">Value of <c>Sec-WebSocket-Extensions</c>; empty when there is none.</param>
    /// <param name="response">Text for the answer's <c>Sec-WebSocket-Extensions</c> when the outcome is <see cref="ExtensionOutcome.Deflate"/>.</param>
    public static ExtensionOutcome Negotiate(ReadOnlySpan<char> header, out string? response)
    {
        response = null;
        var parser = new ExtensionParser(header);
        while (parser.TryNextExtension(out ReadOnlySpan<char> name))
        {
            var offer = new Offer(name.Equals(Name, StringComparison.OrdinalIgnoreCase));
            while (parser.TryNextParameter(out ReadOnlySpan<char> parameter, out ReadOnlySpan<char> value, out bool hasValue))
            {
                offer.Add(parameter, value, hasValue);
            }

            if (response is null && offer.Acceptable)
            {
                response = offer.ServerWindow ? AnswerWithWindow : Answer;
            }
        }

        if (parser.Malformed)
        {
            response = null;
            return ExtensionOutcome.Malformed;
        }

        return response is null ? ExtensionOutcome.None : ExtensionOutcome.Deflate;
    }

    private static bool IsWindowBits(ReadOnlySpan<char> value) =>
        value is [>= '8' and <= '9'] or ['1', >= '0' and <= '5'];

    /// <summary>The parameters of one offer (RFC 7692 §7.1), taken one by one.</summary>
    private struct Offer(bool known)
    {
        private bool _clientWindow;
        private bool _serverTakeover;
        private bool _clientTakeover;

        public bool Acceptable { get; private set; } = known;

        public bool ServerWindow { get; private set; }

        public void Add(ReadOnlySpan<char> name, ReadOnlySpan<char> value, bool hasValue)
        {
            bool good = name switch
            {
                "server_no_context_takeover" => !hasValue && !_serverTakeover && (_serverTakeover = true),
                "client_no_context_takeover" => !hasValue && !_clientTakeover && (_clientTakeover = true),
                "client_max_window_bits" => (!hasValue || IsWindowBits(value)) && !_clientWindow && (_clientWindow = true),
                "server_max_window_bits" => hasValue && value is "15" && !ServerWindow && (ServerWindow = true),
                _ => false,
            };
            Acceptable &= good;
        }
    }
}
