using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Relay.Node.Auth;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Auth;

/// <summary>RS256 and ES256: the examples of RFC 7515, and the attacks S3 to S5 of reliability.md on public keys.</summary>
public sealed class PublicKeyTests : IDisposable
{
    private const string ExamplePayload = ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

    // RFC 7515, appendix A.2.
    private const string RsaExample = "eyJhbGciOiJSUzI1NiJ9" + ExamplePayload
        + "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
        + "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
        + "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

    private const string RsaModulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOW"
        + "vG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k"
        + "G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    // RFC 7515, appendix A.3.
    private const string EcExample = "eyJhbGciOiJFUzI1NiJ9" + ExamplePayload
        + "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    private const string EcX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    private const string EcY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        _rsa.Dispose();
        _ec.Dispose();
    }

    [Fact]
    public void The_example_of_RFC_7515_A_2_verifies_and_no_changed_one()
    {
        var key = SigningKey.Of(null, new RSAParameters { Modulus = Base64Url.DecodeFromChars(RsaModulus), Exponent = [1, 0, 1] });
        AssertExample(RsaExample, key, step: 7);
    }

    [Fact]
    public void The_example_of_RFC_7515_A_3_verifies_and_no_changed_one()
    {
        var key = SigningKey.Of(null, new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(EcX), Y = Base64Url.DecodeFromChars(EcY) },
        });
        AssertExample(EcExample, key, step: 3);
    }

    [Fact]
    public void A_token_signed_by_the_private_key_is_believed_by_who_has_the_public_one()
    {
        foreach (var (algorithm, pem, publicPem) in Keys())
        {
            var signer = Read(algorithm, pem);
            var verifier = Tokens.Verifier(new JwtOptions(), Read(algorithm, publicPem));
            Assert.True(signer.CanSign);
            Assert.False(Read(algorithm, publicPem).CanSign);
            Assert.Equal("u1", verifier.Verify(Signed(algorithm.ToString(), signer))!.Subject);
        }
    }

    [Fact]
    public void S3_another_algorithm_than_the_keys_own_is_refused_whoever_signed()
    {
        foreach (var (algorithm, pem, _) in Keys())
        {
            var key = Read(algorithm, pem);
            foreach (var other in new[] { "none", "None", "NONE", "nOnE", "", "HS256", "RS384", "PS256", "ES384", "rs256", "es256", algorithm == JwtAlgorithm.RS256 ? "ES256" : "RS256" })
            {
                Assert.Null(Tokens.Verifier(new JwtOptions(), key).Verify(Signed(other, key)));
                Assert.Null(Tokens.Verifier(new JwtOptions(), key).Verify(Signed(other, key).Split('.') is var parts ? $"{parts[0]}.{parts[1]}." : ""));
            }
        }
    }

    [Fact]
    public void S4_the_public_key_is_no_secret_in_whatever_form()
    {
        foreach (var (algorithm, _, publicPem) in Keys())
        {
            var verifier = Tokens.Verifier(new JwtOptions(), Read(algorithm, publicPem));
            var der = algorithm == JwtAlgorithm.RS256 ? _rsa.ExportSubjectPublicKeyInfo() : _ec.ExportSubjectPublicKeyInfo();
            foreach (var secret in new[] { Encoding.UTF8.GetBytes(publicPem), Encoding.UTF8.GetBytes(publicPem + "\n"), der })
            {
                Assert.Null(verifier.Verify(Tokens.Sign("""{"alg":"HS256"}""", Claims, secret)));
                Assert.Null(verifier.Verify(Tokens.Sign($$"""{"alg":"{{algorithm}}"}""", Claims, secret)));
            }
        }
    }

    [Fact]
    public void A_PEM_key_configured_as_an_HS256_secret_is_refused()
    {
        Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.HS256, "", new Secret(_rsa.ExportSubjectPublicKeyInfoPem())), out var problem));
        Assert.Contains("PEM", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("jwk")]
    [InlineData("jku")]
    [InlineData("x5u")]
    [InlineData("x5c")]
    [InlineData("crit")]
    public void S5_a_token_that_brings_or_points_to_its_own_key_is_refused(string member)
    {
        var parameters = _ec.ExportParameters(false);
        var jwk = $$"""{"kty":"EC","crv":"P-256","x":"{{Base64Url.EncodeToString(parameters.Q.X)}}","y":"{{Base64Url.EncodeToString(parameters.Q.Y)}}"}""";
        var value = member is "jwk" ? jwk : member is "x5c" or "crit" ? "[\"exp\"]" : "\"http://127.0.0.1:1/keys\"";
        var attacker = Read(JwtAlgorithm.ES256, _ec.ExportPkcs8PrivateKeyPem());
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var trusted in new[] { attacker, Read(JwtAlgorithm.ES256, own.ExportSubjectPublicKeyInfoPem()) })
        {
            Assert.Null(Tokens.Verifier(new JwtOptions(), trusted).Verify(Signed($$"""{"alg":"ES256","{{member}}":{{value}}}""", attacker, isHeader: true)));
        }
    }

    [Fact]
    public void A_signature_of_zeros_or_of_another_length_is_nobodys()
    {
        var key = Read(JwtAlgorithm.ES256, _ec.ExportPkcs8PrivateKeyPem());
        var verifier = Tokens.Verifier(new JwtOptions(), key);
        var good = Signed("ES256", key);
        var (body, signature) = (good[..(good.LastIndexOf('.') + 1)], Base64Url.DecodeFromChars(good.AsSpan(good.LastIndexOf('.') + 1)));
        Assert.NotNull(verifier.Verify(body + Base64Url.EncodeToString(signature)));
        byte[][] wrong =
        [
            new byte[64], [.. new byte[32], .. signature[32..]], [.. signature[..32], .. new byte[32]], [.. new byte[31], 1, .. new byte[31], 1],
            Enumerable.Repeat((byte)0xFF, 64).ToArray(), signature[..63], [.. signature, 0], [], _ec.SignData(Encoding.ASCII.GetBytes(body[..^1]), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
        ];
        Assert.All(wrong, bytes => Assert.Null(verifier.Verify(body + Base64Url.EncodeToString(bytes))));
        Assert.All(new[] { "=", " ", "+/", "é", "A", "*" }, text => Assert.Null(verifier.Verify(body + Base64Url.EncodeToString(signature) + text)));
    }

    [Fact]
    public void A_key_on_another_curve_or_too_small_is_refused_when_it_is_configured()
    {
        foreach (var curve in new[] { ECCurve.NamedCurves.nistP384, ECCurve.NamedCurves.nistP521 })
        {
            using var ec = ECDsa.Create(curve);
            Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.ES256, "", Secret.None) { PublicKeyPem = ec.ExportSubjectPublicKeyInfoPem() }, out var problem));
            Assert.Contains("P-256", problem, StringComparison.Ordinal);
        }

        using var small = RSA.Create(1024);
        Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.RS256, "", Secret.None) { PublicKeyPem = small.ExportSubjectPublicKeyInfoPem() }, out var tooSmall));
        Assert.Contains("2048", tooSmall, StringComparison.Ordinal);
        Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.RS256, "", Secret.None) { PublicKeyPem = _ec.ExportSubjectPublicKeyInfoPem() }, out _));
        Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.RS256, "", Secret.None) { PublicKeyPem = "nonsense" }, out _));
    }

    [Theory]
    [InlineData("../../dev/null")]
    [InlineData("' OR 1=1 --")]
    [InlineData("http://127.0.0.1/keys")]
    [InlineData("K1")]
    [InlineData("")]
    public void S5_a_kid_is_compared_and_nothing_else(string kid)
    {
        var key = SigningKey.Of("k1", _rsa.ExportParameters(true));
        Assert.Null(Tokens.Verifier(new JwtOptions(), key).Verify(Signed($$"""{"alg":"RS256","kid":"{{kid}}"}""", key, isHeader: true)));
    }

    [Fact]
    public void S5_a_kid_of_kilobytes_is_refused() => Assert.Null(
        Tokens.Verifier().Verify(Tokens.WithHeader($$"""{"alg":"HS256","kid":"{{new string('k', 257)}}"}""")));

    [Fact]
    public void A_key_may_stand_in_a_file_with_a_line_end_behind_it()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, Tokens.SecretText + "\n");
            var secret = KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.HS256, "", Secret.None) { File = path }, out _)!;
            Assert.NotNull(Tokens.Verifier(new JwtOptions(), secret).Verify(Tokens.WithClaims($"\"sub\":\"u1\",\"exp\":{Tokens.At(60)}")));
            File.WriteAllText(path, _rsa.ExportPkcs8PrivateKeyPem());
            Assert.True(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.RS256, "", Secret.None) { File = path }, out _)!.CanSign);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Null(KeyMaterial.Read(new JwtKeyOptions(JwtAlgorithm.RS256, "", Secret.None) { File = path }, out var problem));
        Assert.NotNull(problem);
    }

    private static string Claims => $$"""{"sub":"u1","exp":{{Tokens.At(60)}}}""";

    private IEnumerable<(JwtAlgorithm Algorithm, string Pem, string PublicPem)> Keys() =>
    [
        (JwtAlgorithm.RS256, _rsa.ExportPkcs8PrivateKeyPem(), _rsa.ExportSubjectPublicKeyInfoPem()),
        (JwtAlgorithm.ES256, _ec.ExportPkcs8PrivateKeyPem(), _ec.ExportSubjectPublicKeyInfoPem().ReplaceLineEndings("\\n")),
    ];

    private static SigningKey Read(JwtAlgorithm algorithm, string pem)
    {
        var key = KeyMaterial.Read(new JwtKeyOptions(algorithm, "", Secret.None) { PublicKeyPem = pem }, out var problem);
        Assert.True(key is not null, problem);
        return key;
    }

    private static string Signed(string algorithm, SigningKey key, bool isHeader = false) => CompactJws.Write(
        Encoding.UTF8.GetBytes(isHeader ? algorithm : $$"""{"alg":"{{algorithm}}"}"""), Encoding.UTF8.GetBytes(Claims), key);

    private static void AssertExample(string example, SigningKey key, int step)
    {
        Assert.True(CompactJws.Parse(example)!.IsSignedBy(key));
        for (var i = 0; i < example.Length; i += step)
        {
            var changed = example[..i] + (example[i] == 'A' ? 'B' : 'A') + example[(i + 1)..];
            Assert.False(CompactJws.Parse(changed)?.IsSignedBy(key) ?? false, $"at {i}");
        }
    }
}
