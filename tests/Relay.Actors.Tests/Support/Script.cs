using System.Text.RegularExpressions;
using Relay.Actors.Connections;
using Relay.Protocol;

namespace Relay.Actors.Tests;

/// <summary>
/// Plays a transcript against a relay. Lines:
/// <code>
/// a = context agent_id=x token=t     connects client a; also session_id, user, project, deflate
/// a &gt; {"type":"ping"}               a sends; several frames in one read are divided by " &amp; "
/// a &lt; {"type":"pong","timestamp":…} the next frame a receives; … is any text, ‹n› any value that stays the same from then on
/// a &lt; closed 4000 Ping timeout      a close frame
/// a ! / a mute                       a hangs up / a answers nothing any more, not even pings
/// a *                                drops what a has received
/// redis {"target_user_id":…}         a worker's message
/// post global task.created {"a":1}   a service publishes
/// +30s                               time passes; also ms
/// # …                                a remark
/// </code>
/// Strict: before a client sends it has expected all that it received; before time passes, and at the end, everyone has.
/// </summary>
internal sealed partial class Script(RelayHarness relay)
{
    private readonly Dictionary<string, FakeClient> _clients = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public FakeClient this[string name] => _clients[name];

    public string Value(string name) => _values[name];

    public static void Play(string transcript, RelaySettings? settings = null, bool authRequired = false, int seeds = 3)
    {
        for (var seed = 1; seed <= seeds; seed++)
        {
            using var relay = new RelayHarness(seed, settings);
            relay.Authenticator.IsRequired = authRequired;
            new Script(relay).Run(transcript);
        }
    }

    public Script Run(string transcript)
    {
        var number = 0;
        foreach (var raw in transcript.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            try
            {
                RunLine(line);
            }
            catch (Exception exception)
            {
                throw new Xunit.Sdk.XunitException($"Line {number} (seed {relay.Dispatcher.Seed}): {line}\n{exception.Message}", exception);
            }
        }

        NothingLeft();
        return this;
    }

    private void RunLine(string line)
    {
        if (line[0] == '+')
        {
            NothingLeft();
            var unit = line.EndsWith("ms", StringComparison.Ordinal) ? 0.001 : 1;
            relay.Advance(unit * double.Parse(line.Trim('+', 'm', 's')));
            return;
        }

        var words = line.Split(' ', 3);
        switch (words[0])
        {
            case "redis":
                relay.Bridge(Fill(line["redis ".Length..]));
                return;
            case "post":
                var parts = Fill(line["post ".Length..]).Split(' ', 3);
                relay.Publish(parts[0], parts[1], parts.Length > 2 ? parts[2] : "");
                return;
        }

        RunClientLine(words[0], words[1], words.Length > 2 ? words[2] : "");
    }

    private void RunClientLine(string name, string verb, string text)
    {
        switch (verb)
        {
            case "=":
                Connect(name, Fill(text).Split(' '));
                break;
            case ">":
                NothingLeft(name);
                _clients[name].Send(Fill(text).Split(" & "));
                relay.Settle();
                break;
            case "<":
                relay.Settle();
                Expect(text, _clients[name].Take());
                break;
            case "!":
                _clients[name].Disconnect();
                relay.Settle();
                break;
            case "mute":
                _clients[name].Mute = true;
                break;
            case "*":
                relay.Settle();
                _clients[name].TakeAll();
                break;
            default:
                throw new InvalidOperationException("No kind of line");
        }
    }

    private void Connect(string name, string[] words)
    {
        var kind = Enum.Parse<DialectKind>(words[0], ignoreCase: true);
        _clients[name] = relay.Connect(kind, request => words.Skip(1).Aggregate(request, Apply));
    }

    private ConnectionRequest Apply(ConnectionRequest request, string option)
    {
        var at = option.IndexOf('=', StringComparison.Ordinal);
        var value = option[(at + 1)..];
        return (at < 0 ? option : option[..at]) switch
        {
            "agent_id" => request with { AgentId = value },
            "session_id" => request with { SessionId = value },
            "user" => request with { UserId = value },
            "project" => request with { ProjectId = value },
            "token" => request with { Principal = relay.Authenticator.Verify(value)! },
            "deflate" => request with { Deflate = true },
            _ => throw new InvalidOperationException("No such option: " + option),
        };
    }

    private void Expect(string expected, string? actual)
    {
        if (actual is null)
        {
            throw new InvalidOperationException("Nothing was received");
        }

        var pattern = Placeholder().Replace(Regex.Escape(expected), hole =>
            !hole.Groups["name"].Success ? "(?:.*?)"
            : _values.TryGetValue(hole.Groups["name"].Value, out var known) ? Regex.Escape(known)
            : $"(?<{hole.Groups["name"].Value}>[^\",}}\\]]+)");
        var match = Regex.Match(actual, "^" + pattern + "$", RegexOptions.ExplicitCapture | RegexOptions.Singleline, TimeSpan.FromSeconds(10));
        if (!match.Success)
        {
            throw new InvalidOperationException($"expected {expected}\nreceived {actual}");
        }

        foreach (var group in match.Groups.Values.Where(static group => !char.IsAsciiDigit(group.Name[0])))
        {
            _values[group.Name] = group.Value;
        }
    }

    private string Fill(string text) => Placeholder().Replace(text, hole => hole.Groups["name"].Success ? _values[hole.Groups["name"].Value] : hole.Value);

    private void NothingLeft(string? only = null)
    {
        relay.Settle();
        foreach (var (name, client) in _clients)
        {
            if (client.Received.Count > 0 && (only is null || only == name))
            {
                throw new InvalidOperationException($"{name} received what nothing expected: {string.Join("\n  ", client.Received)}");
            }
        }
    }

    [GeneratedRegex("…|‹(?<name>\\w+)›", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Placeholder();
}
