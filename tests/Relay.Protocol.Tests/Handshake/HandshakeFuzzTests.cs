using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using Relay.Protocol.Handshake;
using Relay.Protocol.Tests.WebSockets;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.Handshake;

/// <summary>
/// Mutated handshakes. For every case: no exception, the same verdict however the bytes arrive, and an acceptance only of heads
/// that a second, independently written set of rules accepts too. RELAY_FUZZ_CASES raises the number of cases.
/// </summary>
public sealed class HandshakeFuzzTests
{
    private static readonly HandshakeLimits Limits = new() { MaxRequestLineBytes = 200, MaxHeaders = 14, MaxHeadBytes = 900 };

    private static readonly string[] Supported = ["relay.v1", "relay.context"];

    private static readonly string[] Seeds =
    [
        Heads.Valid,
        Heads.Plus("Origin: https://app.example.com", "Cookie: a=1; b=2", "Authorization: Bearer x.y.z"),
        Heads.Plus("Sec-WebSocket-Protocol: relay.v1, relay.context", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
        Heads.Plus("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"10\", x; y=\"z\""),
        Heads.With("userId=u1", "userId=%C3%BC+x&a=b%20c"),
        Heads.With("/ws?userId=u1", "http://relay.example.com/%7Ea?x"),
        Heads.With("Upgrade: websocket\r\n", string.Empty),
        Heads.With("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n") + "frames follow",
        "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        Heads.Valid.Replace("\r\n", "\n", StringComparison.Ordinal),
    ];

    private static readonly string[] Fragments =
    [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", ": ", ",", ";", "\"", "=", "%", "%zz", "%C3", "\0", "\u007F", "ü", "Host: b\r\n", "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 1\r\n", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        "\r\n folded", "X : y\r\n", "HTTP/1.0", "/", "?", "#", "GET ", new string('a', 250), "permessage-deflate", "server_max_window_bits=15",
    ];

    private static int Cases => int.TryParse(Environment.GetEnvironmentVariable("RELAY_FUZZ_CASES"), out int cases) ? Math.Max(cases, 200_000) : 200_000;

    [Fact]
    public void Mutated_handshakes_never_break_the_parser()
    {
        var verdicts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int number = 0; number < Cases; number++)
        {
            var random = new Random(number);
            byte[] input = Mutate(random);
            string verdict = Whole(input, out UpgradeRequest? request);
            string cut = Cut(input, random);
            if (!string.Equals(verdict, cut, StringComparison.Ordinal))
            {
                Assert.Fail($"case {number}: {verdict} / {cut} for {Convert.ToHexString(input)}");
            }

            if (request is not null)
            {
                string head = Encoding.Latin1.GetString(input, 0, request.HeadLength);
                Assert.True(IsValidByOtherRules(head), $"case {number}: accepted {head}");
                Use(request);
            }

            string kind = verdict.Split('|')[0];
            verdicts[kind] = verdicts.GetValueOrDefault(kind) + 1;
        }

        foreach (string expected in new[] { "NeedMoreData", "NotAnUpgrade", "Upgrade", "Refuse 400", "Refuse 405", "Refuse 426", "Refuse 505" })
        {
            Assert.True(verdicts.GetValueOrDefault(expected) >= 20, $"{expected}: {verdicts.GetValueOrDefault(expected)}");
        }
    }

    [Fact]
    public void Mutated_negotiations_end_in_a_known_outcome()
    {
        var random = new Random(9);
        string[] words = ["permessage-deflate", "client_max_window_bits", "server_max_window_bits", "server_no_context_takeover", "15", "8", "x", ";", ",", "=", "\"", "\\", " ", "\t", "ü", "\0"];
        var outcomes = new HashSet<ExtensionOutcome>();
        for (int i = 0; i < 100_000; i++)
        {
            string header = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => words[random.Next(words.Length)]));
            ExtensionOutcome outcome = PerMessageDeflate.Negotiate(header, out string? response);
            Assert.Equal(outcome == ExtensionOutcome.Deflate, response is not null);
            Assert.True(response is null || header.Contains("permessage-deflate", StringComparison.Ordinal), header);
            Assert.True(response is null || !response.Contains("server_max", StringComparison.Ordinal) || header.Contains("15", StringComparison.Ordinal) || header.Contains("1\\5", StringComparison.Ordinal), header);
            HandshakeRules.TryChooseSubprotocol(header, words, out _);
            outcomes.Add(outcome);
        }

        Assert.Equal(3, outcomes.Count);
    }

    private static string Whole(byte[] input, out UpgradeRequest? request)
    {
        var parser = new UpgradeRequestParser(Limits);
        return Verdict(parser.Parse(input, out request, out HandshakeRefusal? refusal), request, refusal);
    }

    private static string Cut(byte[] input, Random random)
    {
        var parser = new UpgradeRequestParser(Limits);
        string verdict = "NeedMoreData";
        int length = 0;
        do
        {
            length = Math.Min(input.Length, length + random.Next(1, 200));
            ReadOnlySequence<byte> sequence = Wire.Segments(input.AsMemory(0, length), random.Next(length + 1));
            UpgradeStatus status = parser.Parse(sequence, out UpgradeRequest? request, out HandshakeRefusal? refusal);
            verdict = Verdict(status, request, refusal);
        }
        while (length < input.Length && verdict is "NeedMoreData");

        return verdict;
    }

    private static string Verdict(UpgradeStatus status, UpgradeRequest? request, HandshakeRefusal? refusal)
    {
        Assert.Equal(status == UpgradeStatus.Upgrade, request is not null);
        Assert.Equal(status == UpgradeStatus.Refuse, refusal is not null);
        return status switch
        {
            UpgradeStatus.Upgrade => $"Upgrade|{request!.HeadLength}|{request.Path}|{request.RawQuery}|{request.Host}",
            UpgradeStatus.Refuse => $"Refuse {refusal!.Status}|{refusal.Body}",
            _ => status.ToString(),
        };
    }

    private static void Use(UpgradeRequest request)
    {
        HandshakeRefusal? refusal = HandshakeRules.Negotiate(request, Supported, deflate: true, out HandshakeAnswer answer);
        var output = new ArrayBufferWriter<byte>(512);
        if (refusal is null)
        {
            HandshakeResponse.WriteAccept(output, request, answer);
        }
        else
        {
            HandshakeResponse.WriteRefusal(output, refusal);
        }

        request.TryGetQuery("userId", out _);
        request.Cookie("a");
        Assert.StartsWith("/", request.Path, StringComparison.Ordinal);
        Assert.StartsWith(refusal is null ? "HTTP/1.1 101 " : "HTTP/1.1 400 ", Encoding.Latin1.GetString(output.WrittenSpan), StringComparison.Ordinal);
    }

    /// <summary>The rules once more, as expressions over the text: slow and readable.</summary>
    private static bool IsValidByOtherRules(string head)
    {
        if (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            return false;
        }

        string[] lines = head[..^4].Split("\r\n");
        var headers = new List<(string Name, string Value)>();
        foreach (string line in lines.Skip(1))
        {
            Match match = Regex.Match(line, @"^(?<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(?<value>.*?)[ \t]*$", RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.ExplicitCapture);
            if (!match.Success || match.Groups["value"].Value.Any(c => c is < ' ' and not '\t' or '\u007F'))
            {
                return false;
            }

            headers.Add((match.Groups["name"].Value.ToUpperInvariant(), match.Groups["value"].Value));
        }

        bool Lists(string name, string token) => headers.Exists(h => h.Name.Equals(name, StringComparison.Ordinal)
            && h.Value.Split(',').Any(part => part.Trim(' ', '\t').Equals(token, StringComparison.OrdinalIgnoreCase)));
        string[] All(string name) => headers.Where(h => h.Name.Equals(name, StringComparison.Ordinal)).Select(h => h.Value).ToArray();
        return Regex.IsMatch(lines[0], @"\AGET (/|(?i:https?|wss?)://[^/]+/)[!-~-[#]]* HTTP/1\.1\z", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(5))
            && !Regex.IsMatch(lines[0], "%(?![0-9a-fA-F]{2})", RegexOptions.None, TimeSpan.FromSeconds(5))
            && headers.Count <= Limits.MaxHeaders
            && All("HOST") is [{ Length: > 0 }]
            && Lists("UPGRADE", "websocket")
            && Lists("CONNECTION", "upgrade")
            && All("SEC-WEBSOCKET-VERSION") is ["13"]
            && All("SEC-WEBSOCKET-KEY") is [var key] && Regex.IsMatch(key, @"\A[A-Za-z0-9+/]{22}==\z", RegexOptions.NonBacktracking)
            && All("CONTENT-LENGTH") is [] or ["0"]
            && All("TRANSFER-ENCODING") is [];
    }

    private static byte[] Mutate(Random random)
    {
        var text = new StringBuilder(Seeds[random.Next(Seeds.Length)]);
        for (int steps = random.Next(0, 4); steps > 0 && text.Length > 0; steps--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(8))
            {
                case 0:
                    text[at] = (char)(text[at] ^ (1 << random.Next(8)));
                    break;
                case 1:
                    text[at] = (char)random.Next(256);
                    break;
                case 2:
                    text.Length = at;
                    break;
                case 3:
                    text.Remove(at, Math.Min(random.Next(1, 20), text.Length - at));
                    break;
                case 4:
                    text.Insert(at, Fragments[random.Next(Fragments.Length)]);
                    break;
                case 5:
                    text.Append(text.ToString(at, Math.Min(random.Next(1, 100), text.Length - at)));
                    break;
                case 6:
                    text.Replace("13\r\n", $"{random.Next(20)}\r\n").Replace("HTTP/1.1", $"HTTP/{random.Next(1, 4)}.{random.Next(2)}");
                    break;
                default:
                    text.Replace("GET", random.Next(2) == 0 ? "POST" : "GET").Replace("\r\nHost", "\r\n" + Fragments[random.Next(Fragments.Length)] + "Host");
                    break;
            }
        }

        return Heads.Bytes(text.ToString());
    }
}
