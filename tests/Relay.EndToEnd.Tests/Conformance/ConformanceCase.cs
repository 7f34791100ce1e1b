using Relay.Protocol.WebSockets;

namespace Relay.EndToEnd.Tests.Conformance;

/// <summary>One frame of the server that a case waits for.</summary>
internal sealed record Expected(Opcode Opcode, byte[] Payload)
{
    public override string ToString() => $"{Opcode.ToString().ToLowerInvariant()} of {Payload.Length} bytes";
}

/// <summary>How a case ends.</summary>
internal enum CaseEnd
{
    /// <summary>The client closes with 1000 and is answered the same.</summary>
    Clean,

    /// <summary>The server has answered a close frame of the case's own with one of <see cref="ConformanceCase.Codes"/>.</summary>
    Answered,

    /// <summary>The server fails the connection with one of <see cref="ConformanceCase.Codes"/>.</summary>
    Failed,
}

/// <summary>One numbered case: what is sent, what must come back.</summary>
/// <param name="Number">Of the Autobahn test suite, e.g. <c>5.6</c>.</param>
/// <param name="What">One line for people.</param>
/// <param name="Pieces">Bytes behind the handshake, each written by itself.</param>
/// <param name="Answers">Frames that must come, in this order and no others.</param>
/// <param name="End">How it ends.</param>
internal sealed record ConformanceCase(string Number, string What, IReadOnlyList<byte[]> Pieces, IReadOnlyList<Expected> Answers, CaseEnd End)
{
    /// <summary>Close codes that are right; 1005 = a close frame without one.</summary>
    public int[] Codes { get; init; } = [CloseCode.Normal];

    /// <summary>Sections 12 and 13: messages are exchanged compressed, one after the other.</summary>
    public DeflateRun? Deflate { get; init; }

    public string Section => Number[..Number.IndexOf('.', StringComparison.Ordinal)];

    /// <summary>What must come, for people.</summary>
    public string Outcome => Deflate is { IsDeclined: true } ? "the offer is declined, messages come back uncompressed"
        : Deflate is not null ? "every message comes back"
        : (Answers.Count == 0 ? "" : Answers.Count > 3 ? $"{Answers.Count} frames; " : string.Join(", ", Answers) + "; ") + End switch
        {
            CaseEnd.Clean => "clean close",
            CaseEnd.Answered => "close " + string.Join(" or ", Codes.Select(static code => code == CloseCode.NoStatus ? "without a code" : code.ToString())),
            _ => "failed with " + string.Join(" or ", Codes),
        };
}

/// <summary>A run of compressed messages.</summary>
/// <param name="Offer">Value of <c>Sec-WebSocket-Extensions</c>.</param>
/// <param name="Size">Bytes of one message.</param>
/// <param name="FragmentBytes">Compressed bytes of one frame; 0 = one frame.</param>
/// <param name="Data">Which text or bytes: 1 to 5.</param>
/// <param name="IsDeclined">The server cannot honour the offer and goes on without compression, as RFC 7692 §5 says.</param>
internal sealed record DeflateRun(string Offer, int Size, int FragmentBytes, int Data, bool IsDeclined);
