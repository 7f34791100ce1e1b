using System.Buffers.Text;
using System.Text;
using Relay.Node.Auth;

namespace Relay.Node.Tests.Auth;

public sealed class CompactJwsTests
{
    // RFC 7515, appendix A.1.
    private const string Example =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    private static readonly SigningKey ExampleKey =
        new(null, Base64Url.DecodeFromChars("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"));

    [Fact]
    public void The_example_of_RFC_7515_A_1_verifies()
    {
        var jws = CompactJws.Parse(Example)!;
        Assert.Equal("HS256", jws.Algorithm);
        Assert.Null(jws.KeyId);
        Assert.Equal("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}", Encoding.UTF8.GetString(jws.Payload));
        Assert.True(jws.IsSignedBy(ExampleKey));
    }

    [Fact]
    public void The_example_of_RFC_7515_A_1_is_written_byte_for_byte() => Assert.Equal(
        Example,
        CompactJws.Write(
            Encoding.UTF8.GetBytes("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"),
            Encoding.UTF8.GetBytes("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"),
            ExampleKey));

    [Fact]
    public void Any_changed_character_breaks_the_example()
    {
        for (var i = 0; i < Example.Length; i++)
        {
            var changed = Example[..i] + (Example[i] == 'A' ? 'B' : 'A') + Example[(i + 1)..];
            Assert.False(CompactJws.Parse(changed)?.IsSignedBy(ExampleKey) ?? false, $"at {i}");
        }
    }

    [Fact]
    public void A_signature_has_one_spelling_only()
    {
        // 32 bytes leave two unused bits in the last character: 'k' and 'l' decode to the same signature.
        Assert.False(CompactJws.Parse(Example[..^1] + "l")?.IsSignedBy(ExampleKey) ?? false);
        Assert.False(CompactJws.Parse(Example + "=")?.IsSignedBy(ExampleKey) ?? false);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b")]
    [InlineData("a.b.c.d")]
    [InlineData(".e30.e30")]
    [InlineData("e30..e30")]
    [InlineData("e30=.e30.e30")]
    [InlineData("e 30.e30.e30")]
    [InlineData("e+/0.e30.e30")]
    [InlineData("e30é.e30.e30")]
    [InlineData("e.e30.e30")]
    public void What_is_not_in_the_compact_form_is_refused(string text) => Assert.Null(CompactJws.Parse(text));

    [Theory]
    [InlineData("""[]""")]
    [InlineData("""{""")]
    [InlineData("""{}""")]
    [InlineData("""{"alg":1}""")]
    [InlineData("""{"alg":"HS256","kid":1}""")]
    [InlineData("""{"alg":"HS256","alg":"HS256"}""")]
    [InlineData("""{"alg":"HS256","crit":["exp"]}""")]
    [InlineData("""{"alg":"HS256","jku":"http://127.0.0.1/"}""")]
    [InlineData("""{"alg":"HS256","x5u":"http://127.0.0.1/"}""")]
    [InlineData("""{"alg":"HS256","x5c":[]}""")]
    [InlineData("""{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}""")]
    [InlineData("""{"alg":"HS256",}""")]
    [InlineData("""{"alg":"HS256"/**/}""")]
    [InlineData("""{"alg":"HS256","a":[[[[[[[[1]]]]]]]]}""")]
    public void A_header_that_is_no_plain_header_is_refused(string header) => Assert.Null(CompactJws.Parse(Tokens.WithHeader(header)));

    [Fact]
    public void A_text_over_8_KiB_is_not_looked_at()
    {
        Assert.Null(CompactJws.Parse(Tokens.Sign("""{"alg":"HS256"}""", new string('x', 8 * 1024))));
        Assert.Null(CompactJws.Parse(new string('.', 1 << 20)));
    }
}
