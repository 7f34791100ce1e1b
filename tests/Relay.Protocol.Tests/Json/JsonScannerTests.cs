using System.Text;
using System.Text.Json;

namespace Relay.Protocol.Tests;

public sealed class JsonScannerTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData(" [ ] ")]
    [InlineData("""{"a":[1,{"b":[]}],"c":null}""")]
    [InlineData("-0.5e+10")]
    [InlineData("1e999")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\u007f\u2028\"")]
    [InlineData("true")]
    public void Well_formed_json_is_accepted(string json) => Assert.True(JsonScanner.IsValue(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\ufeff{}")]
    [InlineData("{} {}")]
    [InlineData("{}x")]
    [InlineData("{,}")]
    [InlineData("""{"a":1,}""")]
    [InlineData("""{"a"}""")]
    [InlineData("""{"a":}""")]
    [InlineData("{a:1}")]
    [InlineData("{'a':1}")]
    [InlineData("[1,]")]
    [InlineData("[,1]")]
    [InlineData("[1 2]")]
    [InlineData("[1}")]
    [InlineData("01")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("-")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("tru")]
    [InlineData("nulls")]
    [InlineData("\"")]
    [InlineData("\"\\x\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("\"\\u12\"")]
    [InlineData("\"\\")]
    [InlineData("\"a\nb\"")]
    [InlineData("/**/{}")]
    [InlineData("[")]
    [InlineData("{\"a\":[{")]
    public void Anything_else_is_refused(string json) => Assert.False(JsonScanner.IsValue(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Nesting_ends_at_64_levels()
    {
        Assert.True(JsonScanner.IsValue(Encoding.ASCII.GetBytes(new string('[', 64) + new string(']', 64))));
        Assert.False(JsonScanner.IsValue(Encoding.ASCII.GetBytes(new string('[', 65) + new string(']', 65))));
        Assert.False(JsonScanner.IsValue(Encoding.ASCII.GetBytes(new string('[', 10_000))));
        var mixed = string.Concat(Enumerable.Repeat("{\"a\":[", 32)) + string.Concat(Enumerable.Repeat("]}", 32));
        Assert.True(JsonScanner.IsValue(Encoding.ASCII.GetBytes(mixed)));
    }

    [Fact]
    public void The_scanner_and_Utf8JsonReader_agree_on_generated_and_damaged_json()
    {
        var random = new Random(20260131);
        var generator = new JsonGenerator(random);
        var accepted = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var json = Encoding.UTF8.GetBytes(generator.Space() + generator.Value() + generator.Space());
            if (i % 2 == 1)
            {
                json[random.Next(json.Length)] = (byte)"{}[],:\"\\0123eE+-.tfn u"[random.Next(22)];
            }

            if (!System.Text.Unicode.Utf8.IsValid(json))
            {
                continue;
            }

            var expected = IsAcceptedByFramework(json);
            accepted += expected ? 1 : 0;
            Assert.True(expected == JsonScanner.IsValue(json), Encoding.UTF8.GetString(json));
        }

        Assert.InRange(accepted, 8_000, 19_000);
    }

    [Fact]
    public void The_object_reader_gives_every_member_as_a_slice()
    {
        ReadOnlySpan<byte> json = " { \"a\" : 1 , \"\\u0062\":{ \"x\":[ ] } } "u8;
        Assert.Equal(JsonShape.Object, JsonObjectReader.Open(json, checkUtf8: true, out var reader));
        Assert.True(reader.Read());
        Assert.Equal("a", Encoding.UTF8.GetString(reader.Name));
        Assert.Equal("1", Encoding.UTF8.GetString(reader.Value.Raw));
        Assert.True(reader.Read());
        Assert.Equal("b", Encoding.UTF8.GetString(reader.Name));
        Assert.Equal("{ \"x\":[ ] }", Encoding.UTF8.GetString(reader.Value.Raw));
        Assert.True(json[reader.Value.Start..].StartsWith(reader.Value.Raw));
        Assert.False(reader.Read());
        Assert.False(reader.Failed);
    }

    [Theory]
    [InlineData("{\"a\":1}x")]
    [InlineData("{\"a\":1")]
    [InlineData("{\"a\":1,")]
    [InlineData("{\"a\" 1}")]
    [InlineData("{,\"a\":1}")]
    [InlineData("{\"a\":1 \"b\":2}")]
    [InlineData("{\"a\":[}")]
    public void The_object_reader_fails_on_broken_objects(string text)
    {
        JsonObjectReader.Open(Encoding.UTF8.GetBytes(text), checkUtf8: true, out var reader);
        while (reader.Read())
        {
            Assert.False(reader.Failed);
        }

        Assert.True(reader.Failed);
    }

    private static bool IsAcceptedByFramework(byte[] json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonScanner.MaxDepth });
        try
        {
            while (reader.Read())
            {
                continue;
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
