using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Relay.Protocol.Tests;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("", "\"\"")]
    [InlineData(null, "null")]
    [InlineData("q\"b\\s/", "\"q\\\"b\\\\s/\"")]
    [InlineData("\b\f\n\r\t\u0000\u001f", "\"\\b\\f\\n\\r\\t\\u0000\\u001f\"")]
    [InlineData("é日😀\u2028\u007f", "\"é日😀\u2028\u007f\"")]
    public void Strings_are_escaped_as_rfc_8259_asks_and_no_further(string? text, string expected) =>
        Assert.Equal(expected, Write((ref JsonText json) => json.String(text)));

    [Fact]
    public void A_lone_surrogate_becomes_the_replacement_character()
    {
        var text = "a" + (char)0xD800 + "b";
        Assert.Equal("\"a\ufffdb\"", Write((ref JsonText json) => json.String(text)));
    }

    [Fact]
    public void Every_character_survives_a_round_trip()
    {
        var text = string.Concat(Enumerable.Range(0, 0x10000).Where(i => i is < 0xD800 or > 0xDFFF).Select(i => (char)i));
        Assert.Equal(text, JsonDocument.Parse(Write((ref JsonText json) => json.String(text))).RootElement.GetString());
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(long.MaxValue, "9223372036854775807")]
    [InlineData(long.MinValue, "-9223372036854775808")]
    public void Numbers_are_written_whole(long value, string expected) => Assert.Equal(expected, Write((ref JsonText json) => json.Number(value)));

    [Fact]
    public void Text_longer_than_the_first_span_is_written_whole()
    {
        var text = new string('x', 100_000);
        Assert.Equal($"[\"{text}\"]", Write((ref JsonText json) =>
        {
            json.Raw("["u8);
            json.String(text);
            json.Raw("]"u8);
        }));
    }

    [Fact]
    public void Escapes_and_numbers_fit_wherever_a_span_ends()
    {
        for (var length = 480; length < 530; length++)
        {
            var text = new string('x', length);
            var output = new TightWriter();
            var json = new JsonText(output);
            json.Raw(Encoding.UTF8.GetBytes(text));
            json.Escape("\u0001");
            json.Number(long.MinValue);
            json.Raw(Encoding.UTF8.GetBytes(text));
            json.Instant(0);
            json.Hex(1);
            json.Escape("\"");
            json.Epoch(new Epoch(63));
            json.Flush();
            var expected = text + "\\u0001-9223372036854775808" + text + "\"1970-01-01T00:00:00.000000Z\"\"0000000000000001\"\\\"\"0000001z\"";
            Assert.Equal(expected, Encoding.UTF8.GetString(output.Written));
        }
    }

    [Fact]
    public void Ids_and_epochs_have_fixed_forms()
    {
        Assert.Equal("\"00000000000000ff\"", Write((ref JsonText json) => json.Hex(255)));
        Assert.Equal("\"0000001z\"", Write((ref JsonText json) => json.Epoch(new Epoch(63))));
    }

    [Theory]
    [InlineData(0, "1970-01-01T00:00:00.000000Z")]
    [InlineData(1_700_000_000_123_456, "2023-11-14T22:13:20.123456Z")]
    [InlineData(-1, "1969-12-31T23:59:59.999999Z")]
    [InlineData(long.MaxValue, "9999-12-31T23:59:59.999999Z")]
    [InlineData(long.MinValue, "0001-01-01T00:00:00.000000Z")]
    public void Instants_have_six_digits(long micros, string expected) =>
        Assert.Equal('"' + expected + '"', Write((ref JsonText json) => json.Instant(micros)));

    [Theory]
    [InlineData("2025-01-31T12:00:00Z", true)]
    [InlineData("2025-01-31T12:00:00.5Z", true)]
    [InlineData("2025-01-31T12:00:00.123456789+02:00", true)]
    [InlineData("2025-01-31t12:00:00z", true)]
    [InlineData("2024-02-29T23:59:60-00:00", true)]
    [InlineData("0000-02-29T00:00:00Z", true)]
    [InlineData("2025-02-29T12:00:00Z", false)]
    [InlineData("2025-13-01T12:00:00Z", false)]
    [InlineData("2025-01-31 12:00:00Z", false)]
    [InlineData("2025-01-31T12:00:00", false)]
    [InlineData("2025-01-31T12:00:00.Z", false)]
    [InlineData("2025-01-31T24:00:00Z", false)]
    [InlineData("2025-01-31T12:00:00+24:00", false)]
    [InlineData("2025-01-31T12:00:00+0200", false)]
    [InlineData("2025-01-31T12:00:00ZZ", false)]
    [InlineData("2025-01-31", false)]
    [InlineData("", false)]
    [InlineData("1700000000", false)]
    public void Timestamps_are_read_by_the_grammar_of_rfc_3339(string text, bool valid) =>
        Assert.Equal(valid, InstantText.IsRfc3339(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData("5", "5")]
    [InlineData("-5", "-5")]
    [InlineData("1.0", "1")]
    [InlineData("-0", "0")]
    [InlineData("0.1", "0.1")]
    [InlineData("-12.50", "-12.5")]
    [InlineData("1e999", "Infinity")]
    [InlineData("-1e999", "-Infinity")]
    [InlineData("1e-999", "0")]
    [InlineData("1e21", "1e+21")]
    [InlineData("100000000000000000000", "100000000000000000000")]
    [InlineData("123456789012345678901", "123456789012345680000")]
    [InlineData("1.5e300", "1.5e+300")]
    [InlineData("0.000001", "0.000001")]
    [InlineData("0.0000001", "1e-7")]
    [InlineData("1.25e-9", "1.25e-9")]
    [InlineData("null", "null")]
    [InlineData("true", "true")]
    [InlineData("{\"a\":1}", "[object Object]")]
    [InlineData("[]", "")]
    [InlineData("[1,null,[2,\"x\"],{}]", "1,,2,x,[object Object]")]
    [InlineData("\"a\\u00e9\"", "aé")]
    [InlineData("", "undefined")]
    public void Values_are_printed_as_JavaScript_prints_them(string json, string expected) =>
        Assert.Equal(expected, JavaScriptText.Of(new JsonValue(Encoding.UTF8.GetBytes(json), 0)));

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("\\u0041\\n\\/\\\\", "A\n/\\")]
    [InlineData("\\ud83d\\ude00", "😀")]
    [InlineData("\\ud83dx", "\ufffdx")]
    [InlineData("\\ude00\\ud83d", "\ufffd\ufffd")]
    [InlineData("\\ud83d\\u0041", "\ufffdA")]
    public void Escapes_are_taken_out(string inner, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(JsonString.Unescape(Encoding.UTF8.GetBytes(inner))));

    private delegate void Writing(ref JsonText json);

    private static string Write(Writing writing)
    {
        var output = new ArrayBufferWriter<byte>();
        var json = new JsonText(output);
        writing(ref json);
        json.Flush();
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
