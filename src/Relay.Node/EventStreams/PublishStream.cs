using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using System.Threading.Channels;
using Relay.Actors;
using Relay.Actors.Channels;
using Relay.Actors.Limits;
using Relay.Node.Http;
using Relay.Protocol;

namespace Relay.Node.EventStreams;

/// <summary>
/// One publisher's stream: lines to channels, and in their order the results back. Two loops, one reading and one writing; a line that finds
/// <see cref="PublishStreamLimits.InFlight"/> results outstanding is read no further, whether its channels are slow or its client does not take the
/// results.
/// </summary>
internal sealed class PublishStream(HttpContext context, RelaySystem relay, PublishLines lines, Func<string, string?> refusal, PublishGate gate, PublishStreamLimits limits)
{
    /// <summary>Lines to one channel that go there together, when they arrived together.</summary>
    private const int MaxRun = 64;

    private readonly string _scope = ApiGuard.ScopeOf(context);
    private readonly Channel<Outcome> _outcomes = Channel.CreateUnbounded<Outcome>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly SemaphoreSlim _room = new(limits.InFlight, limits.InFlight);
    private readonly CancellationTokenSource _writingEnded = new();
    private readonly List<PublishItem> _run = [];
    private readonly List<Outcome> _runOutcomes = [];
    private string _runChannel = "";

    /// <summary>Runs until the body ends, a line breaks a limit, or either side leaves.</summary>
    public async Task RunAsync()
    {
        // The read that is begun first lets the client send, if it waits for that (100-continue); the head of the response follows at once, so that the client
        // knows it was admitted.
        var first = lines.ReadMoreAsync();
        await context.Response.StartAsync(CancellationToken.None);
        await context.Response.BodyWriter.FlushAsync(CancellationToken.None);
        var writing = WriteAsync();
        try
        {
            await first;
            await ReadAsync();
        }
        catch (OperationCanceledException) when (_writingEnded.IsCancellationRequested)
        {
            // Nobody takes results any more.
        }

        FlushRun();
        _outcomes.Writer.Complete();
        await writing;
        _writingEnded.Dispose();
        _room.Dispose();
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            while (lines.TryRead(out var line))
            {
                if (!IsBlank(line))
                {
                    await TakeRoomAsync();
                    Take(line);
                }
            }

            FlushRun();
            if (lines.End != LinesEnd.None)
            {
                break;
            }

            await lines.ReadMoreAsync();
        }

        Final(lines.End switch
        {
            LinesEnd.TooLong => new Fault(ErrorCode.TooLarge, $"The line is longer than {limits.LineBytes} bytes; the stream ends here", IsLast: true),
            LinesEnd.TooSlow => new Fault(ErrorCode.Timeout, $"The line was not completed within {limits.LineDeadline.TotalSeconds} s; the stream ends here", IsLast: true),
            LinesEnd.Stopped => new Fault(ErrorCode.Unavailable, "The node is leaving; lines without a result were not accepted or may be repeated under their id", IsLast: true) { HasLine = false },
            _ => null,
        });
    }

    private async ValueTask TakeRoomAsync()
    {
        if (_room.Wait(0))
        {
            return;
        }

        // What has no answer yet must be on its way before anyone waits for answers.
        FlushRun();
        await _room.WaitAsync(_writingEnded.Token);
    }

    private void Take(ReadOnlySequence<byte> line)
    {
        var outcome = new Outcome { Line = lines.Number };
        if (!TryParse(line, outcome, out var item) || !IsAllowed(outcome))
        {
            FlushRun();
            _outcomes.Writer.TryWrite(outcome);
            return;
        }

        if (_run.Count == MaxRun || !_runChannel.Equals(outcome.Channel, StringComparison.Ordinal))
        {
            FlushRun();
        }

        _runChannel = outcome.Channel;
        outcome.Index = _run.Count;
        _run.Add(item);
        _runOutcomes.Add(outcome);
    }

    // Asked for each line: a stream may outlive its token.
    private bool IsAllowed(Outcome outcome)
    {
        outcome.Fault = refusal(outcome.Channel) is { } reason ? new Fault(ErrorCode.NotAuthorized, reason)
            : gate.Try(outcome.Channel) is { } limit ? new Fault(limit.Code, limit.Text) { Limit = limit }
            : null;
        return outcome.Fault is null;
    }

    private static bool TryParse(ReadOnlySequence<byte> line, Outcome outcome, out PublishItem item)
    {
        item = default;
        var bytes = line.IsSingleSegment ? line.First : line.ToArray();
        try
        {
            // Payloads are passed on as they are, also to clients whose connection broken text would end.
            if (!Utf8.IsValid(bytes.Span))
            {
                outcome.Fault = new Fault(ErrorCode.InvalidMessage, "The line is not valid UTF-8");
                return false;
            }

            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 64 });
            if (NativeApi.TryRead(document.RootElement, out var channel, out item, out var problem))
            {
                outcome.Channel = channel;
                outcome.Id = item.IdempotencyKey;
                return true;
            }

            outcome.Fault = new Fault(ErrorCode.InvalidMessage, problem);
        }
        catch (JsonException)
        {
            outcome.Fault = new Fault(ErrorCode.InvalidMessage, "The line must be one JSON object");
        }

        return false;
    }

    private void FlushRun()
    {
        if (_run.Count == 0)
        {
            return;
        }

        var reply = relay.PublishAsync(_runChannel, [.. _run], _scope, CancellationToken.None);
        foreach (var outcome in _runOutcomes)
        {
            outcome.Reply = reply;
            _outcomes.Writer.TryWrite(outcome);
        }

        _run.Clear();
        _runOutcomes.Clear();
    }

    private void Final(Fault? fault)
    {
        if (fault is not null)
        {
            _outcomes.Writer.TryWrite(new Outcome { Line = fault.HasLine ? lines.Number : 0, Fault = fault });
        }
    }

    private async Task WriteAsync()
    {
        var output = context.Response.BodyWriter;
        var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        var waiting = false;
        var complete = false;
        try
        {
            await foreach (var outcome in _outcomes.Reader.ReadAllAsync())
            {
                if (waiting && outcome.Reply is { IsCompleted: false })
                {
                    waiting = false;
                    await FlushAsync();
                }

                var result = outcome.Reply is { } reply ? await NativeApi.Result.OfAsync(reply, outcome.Index) : null;
                if (relay.Connections.IsLeaving && result is not null)
                {
                    // As for every other publisher from now on: who was not answered comes back and repeats it.
                    continue;
                }

                json.Reset(output);
                Write(json, outcome, result);
                output.Write("\n"u8);
                waiting = true;
                if (outcome.Fault is not { IsLast: true })
                {
                    _room.Release();
                }

                if (!_outcomes.Reader.TryPeek(out _))
                {
                    waiting = false;
                    await FlushAsync();
                }
            }

            await FlushAsync();
            complete = true;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // The client has gone; what it sent before is published all the same.
        }
        finally
        {
            await json.DisposeAsync();
            if (!complete)
            {
                await _writingEnded.CancelAsync();
                lines.Stop();
            }
        }

        async ValueTask FlushAsync()
        {
            if ((await output.FlushAsync(context.RequestAborted)).IsCompleted)
            {
                throw new IOException("The response was closed.");
            }
        }
    }

    private static void Write(Utf8JsonWriter json, Outcome outcome, NativeApi.Result? result)
    {
        json.WriteStartObject();
        if (outcome.Line > 0)
        {
            json.WriteNumber("line", outcome.Line);
        }

        if (outcome.Id is not null)
        {
            json.WriteString("id", outcome.Id);
        }

        if (result is not null)
        {
            NativeApi.Write(json, outcome.Channel, result);
        }
        else
        {
            WriteFault(json, outcome.Fault!);
        }

        json.WriteEndObject();
        json.Flush();
    }

    private static void WriteFault(Utf8JsonWriter json, Fault fault)
    {
        if (fault.Limit is { } limit)
        {
            ApiGuard.Limited(json, limit);
        }
        else
        {
            ApiGuard.Error(json, fault.Code, fault.Text);
        }
    }

    private static bool IsBlank(ReadOnlySequence<byte> line)
    {
        foreach (var part in line)
        {
            if (part.Span.ContainsAnyExcept(" \t\r"u8))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>What is wrong with a line.</summary>
    private sealed record Fault(ErrorCode Code, string Text, bool IsLast = false)
    {
        /// <summary>False when it is about the stream, not a line.</summary>
        public bool HasLine { get; init; } = true;

        /// <summary>The limit that says so; null = none.</summary>
        public LimitRefusal? Limit { get; init; }
    }

    /// <summary>A line on its way to its result.</summary>
    private sealed class Outcome
    {
        public required int Line { get; init; }

        public string? Id { get; set; }

        public string Channel { get; set; } = "";

        public Task<PublishReply>? Reply { get; set; }

        public int Index { get; set; }

        public Fault? Fault { get; set; }
    }
}
