using System.Text;
using Google.Protobuf;

namespace Relay.Protocol.Tests;

/// <summary>protocols.md, <c>relay</c>: versions, batches, last values, times and ranges; in JSON and in protobuf.</summary>
public sealed class NativeRulesTranscripts
{
    private static readonly RelayProtobufDialect Protobuf = new();

    private static readonly Dictionary<string, object> Says = new(StringComparer.Ordinal)
    {
        ["other version"] = new VersionMismatchMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.VersionMismatch, ErrorText = "Other", Current = Sample.Position,
        },
        ["no value"] = new VersionMismatchMessage
        {
            TimestampMicros = Sample.Micros, RequestId = Sample.Id, Error = ErrorCode.VersionMismatch, ErrorText = "None", Current = default,
        },
        ["batch"] = new PublishedBatchMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Results = Sample.Results("No") },
        ["good batch"] = new PublishedBatchMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Results = Sample.Results("")[..1] },
        ["batch without id"] = new PublishedBatchMessage { TimestampMicros = Sample.Micros, RequestId = RequestId.None, Results = [] },
        ["page"] = new HistoryMessage { TimestampMicros = Sample.Micros, RequestId = Sample.Id, Channel = "global", Position = Sample.Position, Recovered = false, Events = [] },
    };

    [Fact]
    public void Versioned_publish() => Play(
        """
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":0}
        = publish global x key=k if=0
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":null}
        = publish global x key=k if=0
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":7}
        = publish global x key=k if=7
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":{"offset":42,"epoch":"k3j9x2ab"}}
        = publish global x key=k if=k3j9x2ab:42
        > {"type":"publish","channel":"global","event":"x","if_version":0,"id":"a"}
        < {"type":"ack","id":"a","success":false,"code":"INVALID_MESSAGE","error":"if_version needs a key: the version is that of the key","timestamp":1700000000123}
        > {"type":"publish","channel":"global","event":"x","key":"","if_version":null,"id":"b"}
        < …"code":"INVALID_MESSAGE","error":"if_version needs a key…
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":-1,"id":"c"}
        < …"code":"INVALID_MESSAGE","error":"Invalid if_version…
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":1.5,"id":"d"}
        < …"code":"INVALID_MESSAGE","error":"Invalid if_version…
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":"7","id":"e"}
        < …"code":"INVALID_MESSAGE","error":"Invalid if_version…
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":{"epoch":"k3j9x2ab","offset":0},"id":"f"}
        < …"code":"INVALID_MESSAGE","error":"Invalid if_version…
        > {"type":"publish","channel":"global","event":"x","key":"k","if_version":{"offset":3},"id":"g"}
        < …"code":"INVALID_MESSAGE","error":"Invalid if_version…
        ! other version
        < {"type":"ack","id":"r1","success":false,"code":"VERSION_MISMATCH","error":"Other","current":{"epoch":"k3j9x2ab","offset":42},"timestamp":1700000000123}
        ! no value
        < {"type":"ack","id":"r1","success":false,"code":"VERSION_MISMATCH","error":"None","current":null,"timestamp":1700000000123}
        """);

    [Fact]
    public void Publish_batch() => Play(
        """
        > {"type":"publish_batch","id":"b1","items":[{"channel":"global","event":"x","data":{"a": 1},"id":"p1","ttl":5,"key":"k","if_version":3},{"channel":"topics/y","event":"y"}]}
        = batch [publish global x {"a": 1} once=p1 key=k ttl=5 if=3; publish topics/y y] id="b1"
        > {"type":"publish_batch","items":[7,{"channel":"bad/x","event":"x"},{"event":"x"},{"channel":"global","event":"x","id":9},null]}
        = batch [error ParseError; error InvalidChannel; error ParseError; publish global x; error ParseError]
        > {"type":"publish_batch","id":"b2","items":[]}
        < {"type":"ack","id":"b2","success":false,"code":"INVALID_MESSAGE","error":"Invalid items: expected a list of 1 to 1000 publishes","timestamp":1700000000123}
        > {"type":"publish_batch","id":"b3","items":{"channel":"global","event":"x"}}
        < …"code":"INVALID_MESSAGE","error":"Invalid items…
        > {"type":"publish_batch","id":"b4"}
        < …"code":"INVALID_MESSAGE","error":"Invalid items…
        ! batch
        < {"type":"ack","id":"r1","success":false,"timestamp":1700000000123,"results":[{"success":true,"channel":"topics/x","epoch":"k3j9x2ab","offset":42,"duplicate":true,"subscribers":2},{"success":false,"channel":"topics/x","code":"VERSION_MISMATCH","error":"No","current":{"epoch":"k3j9x2ab","offset":42}},{"success":false,"channel":"topics/x","code":"VERSION_MISMATCH","error":"No","current":null},{"success":false,"channel":"topics/x","code":"UNAVAILABLE","error":"No","retry_after_ms":5},{"success":false,"code":"INVALID_EVENT","error":"No"}]}
        ! good batch
        < {"type":"ack","id":"r1","success":true,"timestamp":1700000000123,"results":[{"success":true,"channel":"topics/x","epoch":"k3j9x2ab","offset":42,"duplicate":true,"subscribers":2}]}
        ! batch without id
        < nothing
        """);

    [Fact]
    public void Last_values_times_and_ranges() => Play(
        """
        > {"type":"subscribe","channel":"global","last_per_key":true,"id":"s"}
        = subscribe global last_per_key id="s"
        > {"type":"subscribe","channel":"global","last_per_key":true,"since":{"epoch":"k3j9x2ab","offset":2}}
        = subscribe global since=k3j9x2ab:2 last_per_key
        > {"type":"subscribe","channel":"global","since_time":1700000000123}
        = subscribe global from=1700000000123000
        > {"type":"subscribe","channel":"global","since_time":0,"last_per_key":false}
        = subscribe global from=0
        > {"type":"subscribe","channel":"global","since_time":1,"since":{"epoch":"k3j9x2ab","offset":2},"id":"a"}
        < …"code":"INVALID_MESSAGE","error":"since_time cannot be combined with since, last or last_per_key"…
        > {"type":"subscribe","channel":"global","since_time":1,"last":3,"id":"b"}
        < …"code":"INVALID_MESSAGE","error":"since_time cannot…
        > {"type":"subscribe","channel":"global","since_time":1,"last_per_key":true,"id":"c"}
        < …"code":"INVALID_MESSAGE","error":"since_time cannot…
        > {"type":"subscribe","channel":"global","last":1,"last_per_key":true,"id":"d"}
        < …"code":"INVALID_MESSAGE","error":"last_per_key cannot be combined with last"…
        > {"type":"subscribe","channel":"global","since_time":-1,"id":"e"}
        < …"code":"INVALID_MESSAGE","error":"Invalid since_time…
        > {"type":"subscribe","channel":"global","since_time":9223372036854775807,"id":"f"}
        < …"code":"INVALID_MESSAGE","error":"Invalid since_time…
        > {"type":"subscribe","channel":"agents/*","last_per_key":true,"id":"g"}
        < …"code":"INVALID_MESSAGE","error":"A pattern has no history…
        > {"type":"subscribe","channel":"global","last_per_key":1,"id":"h"}
        < …"code":"PARSE_ERROR"…
        > {"type":"history","channel":"global","id":"h","last_per_key":true}
        = history global last_per_key limit=10000 id="h"
        > {"type":"history","channel":"global","id":"h","key":"k"}
        = history global last_per_key key=k limit=10000 id="h"
        > {"type":"history","channel":"global","id":"h","last_per_key":true,"since":{"epoch":"k3j9x2ab","offset":2},"limit":5}
        = history global since=k3j9x2ab:2 last_per_key limit=5 id="h"
        > {"type":"history","channel":"global","id":"h","since":{"epoch":"k3j9x2ab","offset":2},"until":9}
        = history global since=k3j9x2ab:2 until=9 limit=100 id="h"
        > {"type":"history","channel":"global","id":"h","since_time":5}
        = history global from=5000 limit=100 id="h"
        > {"type":"history","channel":"global","id":"i","until":9}
        < …"code":"INVALID_MESSAGE","error":"until needs since…
        > {"type":"history","channel":"global","id":"j","since":{"epoch":"k3j9x2ab","offset":2},"until":1}
        < …"code":"INVALID_MESSAGE","error":"Invalid until…
        > {"type":"history","channel":"global","id":"k","since":{"epoch":"k3j9x2ab","offset":2},"until":"9"}
        < …"code":"INVALID_MESSAGE","error":"Invalid until…
        > {"type":"history","channel":"global","id":"l","since":{"epoch":"k3j9x2ab","offset":2},"until":9,"key":"k"}
        < …"code":"INVALID_MESSAGE","error":"until cannot…
        > {"type":"history","channel":"global","id":"m","since_time":5,"last_per_key":true}
        < …"code":"INVALID_MESSAGE","error":"since_time cannot…
        > {"type":"history","channel":"global","id":"n","key":"\ud800"}
        < …"code":"INVALID_MESSAGE","error":"Invalid key…
        > {"type":"history","channel":"global","id":"o","key":5}
        < …"code":"PARSE_ERROR"…
        ! page
        < {"type":"history","id":"r1","success":true,"channel":"global","epoch":"k3j9x2ab","offset":42,"recovered":false,"events":[]}
        """);

    [Fact]
    public void More_than_a_thousand_items_are_refused_whole()
    {
        Assert.StartsWith("batch", DecodeJson(Batch(1000)), StringComparison.Ordinal);
        Assert.Equal("refused InvalidMessage id=\"b\"", DecodeJson(Batch(1001)));
        var wire = new Native.PublishBatch();
        wire.Items.AddRange(Enumerable.Range(0, 1001).Select(static _ => new Native.BatchItem { Publish = new() { Channel = "global", Event = "x" } }));
        Assert.Equal("refused InvalidMessage id=\"b\"", Decode(new() { Id = "b", PublishBatch = wire }));
    }

    [Fact]
    public void Protobuf_requests_become_the_commands_of_the_json_dialect()
    {
        var position = new Native.Position { Epoch = "k3j9x2ab", Offset = 42 };
        Assert.Equal("publish global x key=k if=k3j9x2ab:42", Decode(new() { Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = position } }));
        Assert.Equal("publish global x key=k if=0", Decode(new() { Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = new() } }));
        Assert.Equal("publish global x key=k if=7", Decode(new() { Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = new() { Offset = 7 } } }));
        Assert.Equal(
            "batch [publish global x 1 once=p1 key=k if=0; error InvalidData; error InvalidEvent] id=\"b\"",
            Decode(new()
            {
                Id = "b",
                PublishBatch = new()
                {
                    Items =
                    {
                        new Native.BatchItem { Id = "p1", Publish = new() { Channel = "global", Event = "x", Key = "k", Data = ByteString.CopyFromUtf8("1"), IfVersion = new() } },
                        new Native.BatchItem { Publish = new() { Channel = "global", Event = "x", Data = ByteString.CopyFromUtf8("{") } },
                        new Native.BatchItem(),
                    },
                },
            }));
        Assert.Equal("subscribe global since=k3j9x2ab:42 last_per_key", Decode(new() { Subscribe = new() { Channel = "global", Since = position, LastPerKey = true } }));
        Assert.Equal("subscribe global from=0", Decode(new() { Subscribe = new() { Channel = "global", SinceTime = 0 } }));
        Assert.Equal("history global since=k3j9x2ab:42 until=50 limit=3 id=\"h\"", Decode(new() { Id = "h", History = new() { Channel = "global", Since = position, Until = 50, Limit = 3 } }));
        Assert.Equal("history global from=9000 limit=100 id=\"h\"", Decode(new() { Id = "h", History = new() { Channel = "global", SinceTime = 9 } }));
        Assert.Equal("history global last_per_key key=k limit=10000 id=\"h\"", Decode(new() { Id = "h", History = new() { Channel = "global", Key = "k" } }));
    }

    [Fact]
    public void Protobuf_mistakes_get_the_codes_of_the_json_dialect()
    {
        var position = new Native.Position { Epoch = "k3j9x2ab", Offset = 42 };
        Native.ClientMessage[] mistakes =
        [
            new() { Id = "m", Publish = new() { Channel = "global", Event = "x", IfVersion = new() } },
            new() { Id = "m", Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = new() { Offset = -1 } } },
            new() { Id = "m", Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = new() { Epoch = "k3j9x2ab" } } },
            new() { Id = "m", Publish = new() { Channel = "global", Event = "x", Key = "k", IfVersion = new() { Epoch = "nope", Offset = 1 } } },
            new() { Id = "m", PublishBatch = new() },
            new() { Id = "m", Subscribe = new() { Channel = "global", SinceTime = 1, Since = position } },
            new() { Id = "m", Subscribe = new() { Channel = "global", SinceTime = -1 } },
            new() { Id = "m", Subscribe = new() { Channel = "agents/*", SinceTime = 1 } },
            new() { Id = "m", History = new() { Channel = "global", Until = 1 } },
            new() { Id = "m", History = new() { Channel = "global", Since = position, Until = 41 } },
            new() { Id = "m", History = new() { Channel = "global", Limit = -1 } },
        ];
        Assert.All(mistakes, static mistake => Assert.Equal("refused InvalidMessage id=\"m\"", Decode(mistake)));
    }

    [Fact]
    public void Protobuf_answers_carry_what_the_json_ones_carry()
    {
        var other = Read("other version").Ack;
        Assert.Equal((false, "VERSION_MISMATCH", 42L, "k3j9x2ab"), (other.Success, other.Code, other.Current.Offset, other.Current.Epoch));
        Assert.Null(Read("no value").Ack.Current);
        var batch = Read("batch").Ack;
        Assert.False(batch.Success);
        Assert.Equal([true, false, false, false, false], batch.Results.Select(static result => result.Success));
        Assert.Equal(",VERSION_MISMATCH,VERSION_MISMATCH,UNAVAILABLE,INVALID_EVENT", string.Join(',', batch.Results.Select(static result => result.Code)));
        Assert.Equal((42L, true, 2), (batch.Results[0].Position.Offset, batch.Results[0].Duplicate, batch.Results[0].Subscribers));
        Assert.Equal((42L, 5L), (batch.Results[1].Current.Offset, batch.Results[3].RetryAfterMs));
        Assert.Null(batch.Results[1].Position);
        Assert.Null(batch.Results[2].Current);
        Assert.True(Read("good batch").Ack.Success);
        var page = Read("page").History;
        Assert.True(page.HasRecovered);
        Assert.False(page.Recovered);
    }

    private static string Batch(int items) =>
        "{\"type\":\"publish_batch\",\"id\":\"b\",\"items\":[" + string.Join(',', Enumerable.Repeat("{\"channel\":\"global\",\"event\":\"x\"}", items)) + "]}";

    private static string DecodeJson(string json) => CommandText.Of(new RelayJsonDialect().Decode(Encoding.UTF8.GetBytes(json), binary: false));

    private static string Decode(Native.ClientMessage message) => CommandText.Of(Protobuf.Decode(message.ToByteArray(), binary: true));

    private static Native.ServerMessage Read(string name) => Native.ServerMessage.Parser.ParseFrom(Sample.Encode(Protobuf, (ServerMessage)Says[name])!);

    private static void Play(string transcript) => Transcript.Play(new RelayJsonDialect(), transcript, Says);
}
