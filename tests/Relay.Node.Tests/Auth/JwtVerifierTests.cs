using System.Security.Cryptography;
using System.Text;
using Relay.Node.Auth;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Auth;

/// <summary>The attacks S3 to S7 of reliability.md, with HS256; those on public keys stand in <see cref="PublicKeyTests"/>.</summary>
public sealed class JwtVerifierTests
{
    [Fact]
    public void A_good_token_yields_its_claims()
    {
        var claims = Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"sid\":\"s1\",\"exp\":{Tokens.At(60)}"))!;
        Assert.Equal(("u1", "s1", Tokens.Now.AddSeconds(60)), (claims.Subject, claims.SessionId, claims.ExpiresAt));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    [InlineData("")]
    [InlineData("hs256")]
    [InlineData("HS384")]
    [InlineData("RS256")]
    [InlineData("ES256")]
    public void S3_another_algorithm_is_refused_even_under_the_right_signature(string algorithm) =>
        Assert.Null(Tokens.Verifier().Verify(Tokens.WithHeader($$"""{"alg":"{{algorithm}}"}""")));

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    public void S3_an_empty_signature_is_refused(string algorithm)
    {
        var unsigned = Tokens.Encode($$"""{"alg":"{{algorithm}}"}""") + "." + Tokens.Encode($$"""{"sub":"u1","exp":{{Tokens.At(60)}}}""");
        Assert.Null(Tokens.Verifier().Verify(unsigned + "."));
        Assert.Null(Tokens.Verifier().Verify(unsigned));
    }

    [Fact]
    public void S4_a_public_key_used_as_the_secret_is_refused()
    {
        using var rsa = RSA.Create(2048);
        var pem = Encoding.UTF8.GetBytes(rsa.ExportSubjectPublicKeyInfoPem());
        Assert.Null(Tokens.Verifier().Verify(Tokens.Sign("""{"alg":"HS256"}""", $$"""{"sub":"u1","exp":{{Tokens.At(60)}}}""", pem)));
    }

    [Theory]
    [InlineData("../../dev/null")]
    [InlineData("' OR 1=1")]
    [InlineData("http://127.0.0.1/keys")]
    [InlineData("other")]
    [InlineData("")]
    public void S5_a_kid_only_chooses_among_the_configured_keys(string kid) =>
        Assert.Null(Tokens.Verifier(kid: "mine").Verify(Tokens.WithHeader($$"""{"alg":"HS256","kid":"{{kid}}"}""")));

    [Fact]
    public void S5_an_empty_secret_behind_a_strange_kid_does_not_sign() => Assert.Null(
        Tokens.Verifier().Verify(Tokens.Sign("""{"alg":"HS256","kid":"../../dev/null"}""", $$"""{"sub":"u1","exp":{{Tokens.At(60)}}}""", [])));

    [Fact]
    public void The_right_kid_and_no_kid_are_both_taken()
    {
        Assert.NotNull(Tokens.Verifier(kid: "mine").Verify(Tokens.WithHeader("""{"alg":"HS256","kid":"mine"}""")));
        Assert.NotNull(Tokens.Verifier(kid: "mine").Verify(Tokens.WithHeader("""{"alg":"HS256"}""")));
        Assert.NotNull(Tokens.Verifier().Verify(Tokens.WithHeader("""{"alg":"HS256","kid":"any"}""")));
    }

    [Fact]
    public void S6_a_key_is_believed_for_its_own_kid_only()
    {
        var other = Encoding.UTF8.GetBytes("another-secret-of-thirty-two-bytes");
        var verifier = Tokens.Verifier(new JwtOptions(), new SigningKey("a", Tokens.Secret), new SigningKey("b", other));
        var claims = $$"""{"sub":"u1","exp":{{Tokens.At(60)}}}""";
        Assert.NotNull(verifier.Verify(Tokens.Sign("""{"alg":"HS256","kid":"b"}""", claims, other)));
        Assert.Null(verifier.Verify(Tokens.Sign("""{"alg":"HS256","kid":"a"}""", claims, other)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"iss\":\"https://b.example.com\",")]
    [InlineData("\"iss\":\"HTTPS://a.example.com\",")]
    [InlineData("\"iss\":[\"https://a.example.com\"],")]
    public void S6_another_issuer_is_refused(string issuer) => Assert.Null(
        Tokens.Verifier(issuer: "https://a.example.com").Verify(Tokens.WithClaims($"{issuer}\"sub\":\"u1\",\"exp\":{Tokens.At(60)}")));

    [Theory]
    [InlineData("\"aud\":\"relay\",", true)]
    [InlineData("\"aud\":[\"x\",\"relay\"],", true)]
    [InlineData("\"aud\":[],", false)]
    [InlineData("\"aud\":[[\"relay\"]],", false)]
    [InlineData("\"aud\":\"relay2\",", false)]
    [InlineData("\"aud\":{\"relay\":1},", false)]
    [InlineData("", false)]
    public void S6_the_audience_must_contain_the_relay(string audience, bool accepted) => Assert.Equal(
        accepted, Tokens.Verifier(audience: "relay").Verify(Tokens.WithClaims($"{audience}\"sub\":\"u1\",\"exp\":{Tokens.At(60)}")) is not null);

    [Theory]
    [InlineData(0, true)]
    [InlineData(-59, true)]
    [InlineData(-60, false)]
    [InlineData(-3600, false)]
    public void S7_an_expired_token_is_forgiven_less_than_a_minute(int seconds, bool accepted) =>
        Assert.Equal(accepted, Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(seconds)}")) is not null);

    [Fact]
    public void S7_a_token_that_lives_longer_than_revocations_are_remembered_is_refused()
    {
        var verifier = Tokens.Verifier(new JwtOptions { LongestLife = TimeSpan.FromHours(1) }, new SigningKey(null, Tokens.Secret));
        Assert.NotNull(verifier.Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(3600)}")));
        Assert.Null(verifier.Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(3661)}")));
    }

    [Fact]
    public void S7_one_that_is_let_in_after_its_end_has_what_is_left_of_the_leeway() => Assert.Equal(
        Tokens.Now.AddSeconds(50), Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(-10)}"))!.ExpiresAt);

    [Theory]
    [InlineData(0, true)]
    [InlineData(60, true)]
    [InlineData(61, false)]
    public void S7_a_token_of_the_future_is_forgiven_a_minute(int seconds, bool accepted) => Assert.Equal(
        accepted, Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(600)},\"nbf\":{Tokens.At(seconds)}")) is not null);

    [Fact]
    public void S7_the_claims_that_are_spoilt_below_are_good() =>
        Assert.NotNull(Tokens.Verifier().Verify(Tokens.WithClaims("\"sub\":\"u1\",\"sid\":\"s\",\"exp\":1999999999,\"nbf\":0,\"iat\":0,\"jti\":\"t\"")));

    [Theory]
    [InlineData("\"sub\":\"u1\"")]
    [InlineData("\"sub\":\"u1\",\"exp\":9223372036854775808")]
    [InlineData("\"sub\":\"u1\",\"exp\":9223372036854775807")]
    [InlineData("\"sub\":\"u1\",\"exp\":-1")]
    [InlineData("\"sub\":\"u1\",\"exp\":\"1999999999\"")]
    [InlineData("\"sub\":\"u1\",\"exp\":1999999999.5")]
    [InlineData("\"sub\":\"u1\",\"exp\":1e400")]
    [InlineData("\"sub\":\"u1\",\"exp\":null")]
    [InlineData("\"sub\":\"u1\",\"exp\":true")]
    [InlineData("\"sub\":\"u1\",\"exp\":1999999999,\"exp\":1999999999")]
    [InlineData("\"sub\":\"u1\",\"exp\":1999999999,\"nbf\":\"0\"")]
    [InlineData("\"sub\":\"u1\",\"exp\":1999999999,\"iat\":\"0\"")]
    [InlineData("\"sub\":\"u1\",\"sub\":\"u2\",\"exp\":1999999999")]
    [InlineData("\"sub\":\"\",\"exp\":1999999999")]
    [InlineData("\"sub\":7,\"exp\":1999999999")]
    [InlineData("\"sub\":\"\\ud800\",\"exp\":1999999999")]
    [InlineData("\"sub\":\"u1\",\"exp\":1999999999,\"\\ud800\":1,\"\\ud800\":2")]
    [InlineData("\"exp\":1999999999")]
    [InlineData("\"sub\":\"u1\",\"sid\":7,\"exp\":1999999999")]
    public void S7_claims_of_another_shape_are_refused(string claims) => Assert.Null(Tokens.Verifier().Verify(Tokens.WithClaims(claims)));

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("\"text\"")]
    public void S7_a_payload_that_is_no_object_is_refused(string payload) => Assert.Null(Tokens.Verifier().Verify(Tokens.Sign("""{"alg":"HS256"}""", payload)));

    [Fact]
    public void S7_a_payload_that_is_not_UTF_8_is_refused()
    {
        var token = CompactJws.Write("{\"alg\":\"HS256\"}"u8, [.. "{\"sub\":\""u8, 0xff, 0xfe, .. "\",\"exp\":1999999999}"u8], new SigningKey(null, Tokens.Secret));
        Assert.Null(Tokens.Verifier().Verify(token));
    }

    [Theory]
    [InlineData("""{"alg":"\ud800"}""")]
    [InlineData("""{"alg":"HS256","kid":"\udc00"}""")]
    [InlineData("""{"\ud800":1,"\ud800":2,"alg":"HS256"}""")]
    public void S7_a_header_with_half_a_character_is_refused(string header) => Assert.Null(Tokens.Verifier(kid: "mine").Verify(Tokens.WithHeader(header)));

    [Fact]
    public void S7_a_header_that_is_not_UTF_8_is_refused()
    {
        var token = CompactJws.Write([.. "{\"alg\":\"HS256\",\"kid\":\""u8, 0xe2, .. "\"}"u8], "{\"sub\":\"u1\",\"exp\":1999999999}"u8, new SigningKey(null, Tokens.Secret));
        Assert.Null(Tokens.Verifier().Verify(token));
    }

    [Fact]
    public void S7_a_token_of_a_megabyte_and_an_id_longer_than_a_channel_name_are_refused()
    {
        Assert.Null(Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"{new string('x', 1 << 20)}\",\"exp\":{Tokens.At(60)}")));
        Assert.Null(Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"{new string('x', 257)}\",\"exp\":{Tokens.At(60)}")));
        Assert.NotNull(Tokens.Verifier().Verify(Tokens.WithClaims($"\"sub\":\"{new string('x', 256)}\",\"exp\":{Tokens.At(60)}")));
    }

    [Fact]
    public void Random_texts_are_refused_and_nothing_is_thrown()
    {
        var random = new Random(20260901);
        var good = Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(60)}");
        var verifier = Tokens.Verifier();
        for (var i = 0; i < 20_000; i++)
        {
            var text = good.ToCharArray();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                text[random.Next(text.Length)] = (char)random.Next(32, 0x180);
            }

            var mutated = new string(text);
            Assert.True(mutated == good || verifier.Verify(mutated) is null, mutated);
        }
    }
}
