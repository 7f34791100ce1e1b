using System.Text.Json;

namespace Relay.Actors.Tests;

/// <summary>
/// Reads the frames of one native client that subscribes to one channel again and again, and checks that they are the channel's slice from where it asked: once, in
/// order, nothing missing that was not told as a gap.
/// </summary>
internal sealed class CatchUpLog(FakeClient client, int historyLength)
{
    private readonly Queue<(string Id, string Wish, long Value)> _asked = new();
    private readonly List<string> _publishes = [];
    private readonly HashSet<string> _own = new(StringComparer.Ordinal);
    private int _requests;

    public FakeClient Client => client;

    public string Epoch { get; private set; } = "";

    /// <summary>The next offset; 0 while it is not subscribed.</summary>
    public long Next { get; private set; }

    public bool IsSubscribed => Next > 0 && !_asked.Any(static one => one.Wish == "unsubscribe");

    public int Gaps { get; private set; }

    public int Events { get; private set; }

    public bool IsAnswered => _asked.Count == 0 && _publishes.Count == 0;

    /// <summary>A subscription that begins at <paramref name="wish"/>: <c>since</c>, <c>last</c>, <c>since_time</c>, or <c>now</c>.</summary>
    public void Subscribe(string wish, long value, string epoch)
    {
        var id = Ask(wish, value);
        var member = wish switch
        {
            "since" => $$""","since":{"epoch":"{{epoch}}","offset":{{value}}}""",
            "last" => $",\"last\":{value}",
            "since_time" => ",\"since_time\":0",
            _ => "",
        };
        client.Send($$"""{"type":"subscribe","channel":"topics/x"{{member}},"id":"{{id}}"}""");
    }

    public void Unsubscribe() => client.Send($$"""{"type":"unsubscribe","channel":"topics/x","id":"{{Ask("unsubscribe", 0)}}"}""");

    public void Publish()
    {
        var id = $"{client.Id}-p{_requests++}";
        _publishes.Add(id);
        client.Send($$"""{"type":"publish","channel":"topics/x","event":"e","data":"{{id}}","id":"{{id}}"}""");
    }

    public void Read()
    {
        foreach (var frame in client.TakeAll())
        {
            using var document = JsonDocument.Parse(frame);
            var json = document.RootElement;
            switch (json.TryGetProperty("type", out var type) ? type.GetString() : null)
            {
                case "ack" when _publishes.Remove(json.GetProperty("id").GetString()!):
                    Acked(json, frame);
                    break;
                case "ack":
                    Answered(json, frame);
                    break;
                case "gap":
                    Assert.True(json.GetProperty("from").GetInt64() == Next, $"at {Next}: {frame}");
                    Assert.True(json.GetProperty("to").GetInt64() >= Next, frame);
                    Next = json.GetProperty("to").GetInt64() + 1;
                    Gaps++;
                    break;
                case null:
                    Assert.True(json.GetProperty("offset").GetInt64() == Next, $"at {Next}: {frame[..Math.Min(200, frame.Length)]}");
                    Assert.Equal(Epoch, json.GetProperty("epoch").GetString());
                    _own.Add(json.GetProperty("data").GetString()!);
                    Next++;
                    Events++;
                    break;
                default:
                    Assert.Fail(frame);
                    break;
            }
        }
    }

    private string Ask(string wish, long value)
    {
        var id = $"{client.Id}-{_requests++}";
        _asked.Enqueue((id, wish, value));
        return id;
    }

    private void Acked(JsonElement json, string frame)
    {
        var offset = json.GetProperty("offset").GetInt64();
        Assert.True(Next == 0 || Next > offset, $"Acked at {Next}, before its own event: {frame}");
    }

    private void Answered(JsonElement json, string frame)
    {
        var (id, wish, value) = _asked.Dequeue();
        Assert.Equal(id, json.GetProperty("id").GetString());
        Assert.True(json.GetProperty("success").GetBoolean(), frame);
        if (wish == "unsubscribe" || !json.TryGetProperty("offset", out var at))
        {
            Next = wish == "unsubscribe" ? 0 : Next;
            return;
        }

        // Everything up to here was accepted, and of that the newest are kept.
        var position = at.GetInt64();
        var oldest = Math.Max(1, position - historyLength + 1);
        Epoch = json.GetProperty("epoch").GetString()!;
        var recovered = json.TryGetProperty("recovered", out var told) ? told.GetBoolean() : (bool?)null;
        Assert.Equal(wish switch { "since" => value + 1 >= oldest, "since_time" => false, _ => (bool?)null }, recovered);
        Next = wish switch
        {
            "since" => value + 1 >= oldest ? value + 1 : position + 1,
            "last" => Math.Max(oldest, position - value + 1),
            "since_time" => oldest,
            _ => position + 1,
        };
    }
}
