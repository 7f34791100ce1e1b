using System.Globalization;
using System.Text;
using System.Text.Json;
using Relay.Testing;

namespace Relay.Node.Tests.EventStreams;

/// <summary>An event as a page's listener gets it.</summary>
/// <param name="Type"><c>message</c> when the block named none.</param>
/// <param name="Data">The data lines, joined with LF.</param>
/// <param name="LastEventId">What a browser would send as <c>Last-Event-ID</c> from now on.</param>
internal sealed record SseEvent(string Type, string Data, string LastEventId)
{
    public JsonElement Json => JsonDocument.Parse(Data).RootElement;

    public string? Text(string member) => Json.TryGetProperty(member, out var value) ? value.GetString() : null;

    public long Number(string member) => Json.GetProperty(member).GetInt64();
}

/// <summary>
/// Reads an event stream as a browser does: HTML Living Standard §9.2.5 and §9.2.6, line by line. Every wait ends after
/// <see cref="Eventually.DefaultBound"/>.
/// </summary>
/// <param name="body">The response's body.</param>
/// <param name="lastEventId">What the client came back with; it keeps that until it gets another.</param>
internal sealed class SseReader(Stream body, string lastEventId = "")
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly List<byte> _line = [];
    private readonly StringBuilder _data = new();
    private int _at;
    private int _length;
    private bool _afterCarriageReturn;
    private string _type = "";
    private string _idBuffer = lastEventId;

    /// <summary>The last event id string of the event source.</summary>
    public string LastEventId { get; private set; } = lastEventId;

    /// <summary>Reconnection time in milliseconds; null until the stream named one.</summary>
    public int? Retry { get; private set; }

    /// <summary>Comment lines so far.</summary>
    public int Comments { get; private set; }

    /// <summary>Bytes read so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>The next event; null at the end of the stream. What stands there without an empty line behind it is no event.</summary>
    public async Task<SseEvent?> ReadAsync()
    {
        while (await LineAsync() is { } line)
        {
            if (line.Length == 0)
            {
                if (Dispatch() is { } complete)
                {
                    return complete;
                }
            }
            else if (line[0] == ':')
            {
                Comments++;
            }
            else
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                Field(colon < 0 ? line : line[..colon], colon < 0 ? "" : line[(line.AsSpan(colon + 1).StartsWith(" ") ? colon + 2 : colon + 1)..]);
            }
        }

        return null;
    }

    /// <summary>The next event, which must be of this type.</summary>
    public async Task<SseEvent> ReadAsync(string type)
    {
        var next = await ReadAsync();
        Assert.NotNull(next);
        Assert.Equal(type, next.Type);
        return next;
    }

    /// <summary>The next so many events of type <c>message</c>.</summary>
    public async Task<List<SseEvent>> MessagesAsync(int count)
    {
        var events = new List<SseEvent>();
        while (events.Count < count)
        {
            events.Add(await ReadAsync("message"));
        }

        return events;
    }

    /// <summary>Reads until so many comments have come; no event may come before.</summary>
    public async Task CommentsAsync(int count)
    {
        while (Comments < count)
        {
            var line = await LineAsync();
            Assert.True(line is "" or ":" || line!.StartsWith("retry:", StringComparison.Ordinal), $"'{line}' between comments");
            Comments += line is ":" ? 1 : 0;
        }
    }

    private SseEvent? Dispatch()
    {
        LastEventId = _idBuffer;
        var (type, data) = (_type, _data.ToString());
        _type = "";
        _data.Clear();
        return data.Length == 0 ? null : new SseEvent(type.Length == 0 ? "message" : type, data[..^1], LastEventId);
    }

    private void Field(string name, string value)
    {
        switch (name)
        {
            case "event":
                _type = value;
                break;
            case "data":
                _data.Append(value).Append('\n');
                break;
            case "id" when !value.Contains('\0', StringComparison.Ordinal):
                _idBuffer = value;
                break;
            case "retry" when value.All(char.IsAsciiDigit):
                Retry = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            default:
                Assert.Fail($"a field that browsers ignore: {name}");
                break;
        }
    }

    private async Task<string?> LineAsync()
    {
        _line.Clear();
        while (true)
        {
            if (_at == _length)
            {
                using var limit = new CancellationTokenSource(Eventually.DefaultBound);
                _length = await body.ReadAsync(_buffer, limit.Token);
                _at = 0;
                Bytes += _length;
                if (_length == 0)
                {
                    return null;
                }
            }

            var next = _buffer[_at++];
            var wasCarriageReturn = _afterCarriageReturn;
            _afterCarriageReturn = next == '\r';
            if (next == '\n' && wasCarriageReturn)
            {
                continue;
            }

            if (next is (byte)'\n' or (byte)'\r')
            {
                return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. _line]);
            }

            _line.Add(next);
        }
    }
}
