using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;

namespace Relay.Bench.Options;

/// <summary>The options as the command line spells them; <c>--help</c> is made from this file.</summary>
internal sealed class CommandLine
{
    private static readonly BenchOptions Usual = new();

    private readonly Option<string> _url = New("--url", "ADDRESS", "Server, e.g. http://127.0.0.1:8080; the path is the dialect's own.", Usual.Url.OriginalString.TrimEnd('/'));
    private readonly Option<string?> _publishTo = New<string?>("--publish-to", "ADDRESS", "Server of the publishers, another node of its cluster; usual is --url.", null);
    private readonly Option<string> _dialect = New("--dialect", "NAME", "relay (native), context, or updates.", "relay");
    private readonly Option<string?> _route = New<string?>("--publish-via", "ROUTE", "ws, http (POST /publish) or redis; usual is ws, for updates http.", null);
    private readonly Option<int> _subscribers = New("--subscribers", "N", "Subscriber connections; number i listens to channel i mod --channels.", Usual.Subscribers);
    private readonly Option<int> _channels = New("--channels", "N", "Channels (updates: users); publish n goes to channel n mod N.", Usual.Channels);
    private readonly Option<int> _publishers = New("--publishers", "N", "Publisher connections.", Usual.Publishers);
    private readonly Option<double?> _rate = New<double?>("--rate", "R", "Open loop: R publishes per second, latency from the intended time of each.", null);
    private readonly Option<int?> _window = New<int?>("--window", "N", "Closed loop: N publishes not yet delivered to every subscriber. Usual, with 64.", null);
    private readonly Option<int> _payload = New("--payload", "BYTES", "Exact size of the published JSON value.", Usual.PayloadBytes);
    private readonly Option<string?> _event = New<string?>("--event", "NAME", "Event name; usual is task.updated, in context metric.update (not redelivered), in updates agent_update.", null);
    private readonly Option<string?> _prefix = New<string?>("--channel-prefix", "TEXT", "Channels are TEXT0, TEXT1, …; usual is topics/bench-RUN- (updates: user ids bench-RUN-).", null);
    private readonly Option<double> _seconds = New("--seconds", "S", "Length of the measured part; with --idle, of the wait.", Usual.Seconds);
    private readonly Option<double> _warmUp = New("--warm-up", "S", "Load before the measured part.", Usual.WarmUpSeconds);
    private readonly Option<double> _settle = New("--settle", "S", "Pause between the last subscription and the first publish.", Usual.SettleSeconds);
    private readonly Option<double> _drain = New("--drain", "S", "Longest wait for the last deliveries and answers; with --resume, for the next one.", Usual.DrainSeconds);
    private readonly Option<double> _connectRate = New("--connect-rate", "R", "Ramp: connections opened per second; 0 = no limit.", Usual.ConnectRate);
    private readonly Option<int> _concurrency = New("--connect-concurrency", "N", "Handshakes in flight at once.", Usual.ConnectConcurrency);
    private readonly Option<double> _connectTimeout = New("--connect-timeout", "S", "For all connections together, beyond the ramp itself.", Usual.ConnectTimeoutSeconds);
    private readonly Option<bool> _idle = New("--idle", "", "No load: open the subscribers, wait --seconds, report memory and CPU per connection.", false);
    private readonly Option<bool> _resume = New("--resume", "", "No load: drop all subscribers, publish --missed events per channel, let all come back at once and resume.", false);
    private readonly Option<int> _missed = New("--missed", "M", "Events each channel gets while its subscribers are away, for --resume.", Usual.Missed);
    private readonly Option<string?> _restart = New<string?>("--restart-command", "COMMAND", "Run by sh before they come back: restarts the server, prints its new process id, ends.", null);
    private readonly Option<string> _redis = New("--redis", "HOST:PORT", "Redis server for --publish-via redis.", "127.0.0.1:6379");
    private readonly Option<string> _redisChannel = New("--redis-channel", "NAME", "Pub/Sub channel the workers publish to.", Usual.RedisChannel);
    private readonly Option<int> _pipeline = New("--http-pipeline", "N", "Unanswered requests per connection for --publish-via http.", Usual.HttpPipeline);
    private readonly Option<string?> _token = New<string?>("--token", "TEXT", "Sent as Authorization: Bearer with upgrades and HTTP publishes.", null);
    private readonly Option<int[]> _pids = New<int[]>("--server-pid", "PID", "Process whose CPU and memory are reported (Linux); repeatable.", []);
    private readonly Option<int> _threads = New("--threads", "N", "Threads that serve the sockets.", Usual.Threads);
    private readonly Option<string> _label = New("--label", "TEXT", "Copied into the report.", Usual.Label);
    private readonly Option<bool> _json = New("--json", "", "Print the report as JSON instead of a table.", false);
    private readonly Option<string?> _output = New<string?>("--output", "FILE", "Write the JSON report to FILE besides.", null);

    public CommandLine()
    {
        Root = new RootCommand(
            "Opens subscribers, publishes, checks every delivery (once, in order, native: without a gap in the offsets) and reports throughput and latency.\n"
            + "Exit codes: 0 all is well; 1 deliveries missing, twice or out of order, connections failed, publishes refused or unanswered,\nsomebody not back; 2 wrong options.");
        _url.Validators.Add(static result => Refuse(result, ReadUrl(result) is null, "not an absolute address such as http://127.0.0.1:8080"));
        _publishTo.Validators.Add(static result => Refuse(result, result.GetValueOrDefault<string>() is not null && ReadUrl(result) is null, "not an absolute address such as http://127.0.0.1:8080"));
        _redis.Validators.Add(static result => Refuse(result, ReadEndPoint(result.GetValueOrDefault<string>()) is null, "not HOST:PORT"));
        _dialect.Validators.Add(static result => RequireOneOf(result, "relay", "context", "updates"));
        _route.Validators.Add(static result => RequireOneOf(result, "ws", "http", "redis"));
        Option[] all =
        [
            _url, _publishTo, _dialect, _route, _subscribers, _channels, _publishers, _rate, _window, _payload, _event, _prefix, _seconds, _warmUp, _settle, _drain,
            _connectRate, _concurrency, _connectTimeout, _idle, _resume, _missed, _restart, _redis, _redisChannel, _pipeline, _token, _pids, _threads, _label, _json, _output,
        ];
        foreach (var option in all)
        {
            Root.Options.Add(option);
        }
    }

    /// <summary>The command, for parsing.</summary>
    public RootCommand Root { get; }

    /// <summary>What a parsed command line asks for, and what is wrong with it.</summary>
    public BenchOptions Read(ParseResult parsed, List<string> mistakes)
    {
        if (parsed.GetValue(_rate) is not null && parsed.GetValue(_window) is not null)
        {
            mistakes.Add("--rate: excludes --window; the first asks for an open loop, the second for a closed one");
        }

        var options = new BenchOptions
        {
            Url = new Uri(parsed.GetValue(_url)!),
            PublishTo = parsed.GetValue(_publishTo) is { } publishTo ? new Uri(publishTo) : null,
            Dialect = Enum.Parse<BenchDialect>(parsed.GetValue(_dialect)!, ignoreCase: true),
            Route = RouteOf(parsed),
            Subscribers = parsed.GetValue(_subscribers),
            Channels = parsed.GetValue(_channels),
            Publishers = parsed.GetValue(_publishers),
            Rate = parsed.GetValue(_rate),
            Window = parsed.GetValue(_window) ?? Usual.Window,
            PayloadBytes = parsed.GetValue(_payload),
            Event = parsed.GetValue(_event),
            ChannelPrefix = parsed.GetValue(_prefix),
            Seconds = parsed.GetValue(_seconds),
            WarmUpSeconds = parsed.GetValue(_warmUp),
            SettleSeconds = parsed.GetValue(_settle),
            DrainSeconds = parsed.GetValue(_drain),
            ConnectRate = parsed.GetValue(_connectRate),
            ConnectConcurrency = parsed.GetValue(_concurrency),
            ConnectTimeoutSeconds = parsed.GetValue(_connectTimeout),
            Idle = parsed.GetValue(_idle),
            Resume = parsed.GetValue(_resume),
            Missed = parsed.GetValue(_missed),
            RestartCommand = parsed.GetValue(_restart),
            Redis = ReadEndPoint(parsed.GetValue(_redis))!,
            RedisChannel = parsed.GetValue(_redisChannel)!,
            HttpPipeline = parsed.GetValue(_pipeline),
            Token = parsed.GetValue(_token),
            ServerPids = parsed.GetValue(_pids) ?? [],
            Threads = parsed.GetValue(_threads),
            Label = parsed.GetValue(_label)!,
            Json = parsed.GetValue(_json),
            Output = parsed.GetValue(_output),
        };
        mistakes.AddRange(OptionRules.Check(options));
        return options;
    }

    private PublishRoute RouteOf(ParseResult parsed) => parsed.GetValue(_route) switch
    {
        "ws" => PublishRoute.WebSocket,
        "redis" => PublishRoute.Redis,
        "http" => PublishRoute.Http,
        _ => parsed.GetValue(_dialect) == "updates" ? PublishRoute.Http : PublishRoute.WebSocket,
    };

    private static Option<T> New<T>(string name, string value, string description, T usual) => new(name)
    {
        Description = description,
        HelpName = value.Length > 0 ? value : null,
        DefaultValueFactory = _ => usual,
    };

    private static void RequireOneOf(OptionResult result, params string[] values) =>
        Refuse(result, result.GetValueOrDefault<string>() is { } value && !values.Contains(value, StringComparer.Ordinal), "one of " + string.Join(", ", values));

    private static void Refuse(OptionResult result, bool refused, string reason)
    {
        if (refused)
        {
            result.AddError($"{result.Option.Name} {result.GetValueOrDefault<string>()}: {reason}");
        }
    }

    private static Uri? ReadUrl(OptionResult result) =>
        Uri.TryCreate(result.GetValueOrDefault<string>(), UriKind.Absolute, out var url) && url.Host.Length > 0 ? url : null;

    private static DnsEndPoint? ReadEndPoint(string? text)
    {
        var colon = text?.LastIndexOf(':') ?? -1;
        return colon > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and < 65536
            ? new DnsEndPoint(text![..colon], port)
            : null;
    }
}
