using System.Text.Json;
using Relay.Actors.Connections;
using Relay.Node.Auth;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Auth;

public sealed class AuthenticatorTests
{
    private static readonly AuthOptions Options = new()
    {
        Required = true,
        Jwt = new JwtOptions
        {
            Keys = [new JwtKeyOptions(JwtAlgorithm.HS256, "k1", new Secret(Tokens.SecretText)), new JwtKeyOptions(JwtAlgorithm.HS256, "k2", new Secret("another-secret-of-thirty-two-bytes"))],
            Issuer = "relay",
            Audience = "clients",
        },
        ApiKeys =
        [
            new ApiKeyOptions("billing", new Secret("billing-key-0123456789"), Rights.Publish),
            new ApiKeyOptions("operator", new Secret("operator.key.0123456789"), Rights.Publish | Rights.Subscribe | Rights.Admin),
        ],
    };

    [Fact]
    public void A_token_it_issues_is_one_it_verifies()
    {
        var authenticator = new Authenticator(Options, Tokens.Clock);
        var issued = authenticator.Issuer.Issue("agent-1", "session-1");
        Assert.Equal(3600, issued.ExpiresIn);
        var identity = authenticator.Identify(issued.Token)!;
        Assert.Equal(("agent-1", "session-1", Tokens.Now.AddHours(1)), (identity.Subject, identity.SessionId!, identity.ExpiresAt!.Value));
        Assert.Equal(Rights.Publish | Rights.Subscribe, identity.Rights);
        var principal = authenticator.Verify(issued.Token)!;
        Assert.Equal(("agent-1", true, false), (principal.Subject, principal.IsAuthenticated, principal.IsService));
        Assert.Equal(Tokens.At(0), principal.IssuedAt);
        Assert.NotNull(principal.TokenId);
    }

    [Fact]
    public void An_issued_token_names_key_issuer_and_audience_and_its_hour()
    {
        var issued = new Authenticator(Options, Tokens.Clock).Issuer.Issue("agent-1", null).Token;
        var parts = issued.Split('.');
        using var header = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(parts[0]));
        using var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal("HS256 JWT k1", $"{header.RootElement.GetProperty("alg")} {header.RootElement.GetProperty("typ")} {header.RootElement.GetProperty("kid")}");
        Assert.Equal("agent-1 relay clients", $"{claims.RootElement.GetProperty("sub")} {claims.RootElement.GetProperty("iss")} {claims.RootElement.GetProperty("aud")}");
        Assert.Equal(3600, claims.RootElement.GetProperty("exp").GetInt64() - claims.RootElement.GetProperty("iat").GetInt64());
        Assert.False(claims.RootElement.TryGetProperty("sid", out _));
    }

    [Fact]
    public void Without_a_configured_key_tokens_live_and_die_with_the_process()
    {
        var one = new Authenticator(new AuthOptions(), Tokens.Clock);
        var other = new Authenticator(new AuthOptions(), Tokens.Clock);
        Assert.True(one.UsesOwnKey);
        var token = one.Issuer.Issue("agent-1", "").Token;
        Assert.NotNull(one.Verify(token));
        Assert.Null(other.Verify(token));
        Assert.False(new Authenticator(Options, Tokens.Clock).UsesOwnKey);
    }

    [Fact]
    public void An_api_key_is_its_name_with_its_rights()
    {
        var authenticator = new Authenticator(Options, Tokens.Clock);
        var billing = new Principal("billing", IsAuthenticated: true) { IsService = true, MaySubscribe = false };
        Assert.Equal(new Identity(billing with { Forced = authenticator.Verify("billing-key-0123456789")!.Forced }, Rights.Publish), authenticator.Identify("billing-key-0123456789"));
        Assert.Equal(Rights.Publish | Rights.Subscribe | Rights.Admin, authenticator.Identify("operator.key.0123456789")!.Rights);
    }

    [Fact]
    public void A_key_may_be_configured_by_its_hash_and_for_some_channels()
    {
        var made = ApiKeys.Create();
        var authenticator = new Authenticator(
            new AuthOptions { Required = true, ApiKeys = [new ApiKeyOptions("x", Secret.None, Rights.Publish) { Hash = ApiKeys.Hash(made), Channels = ["topics/deploy/**"] }] }, Tokens.Clock);
        var principal = authenticator.Verify(made)!;
        Assert.Equal(("x", true, false), (principal.Subject, principal.IsService, principal.MaySubscribe));
        Assert.Equal("topics/deploy/**", Assert.Single(principal.Grants!.Entries).Channels);
        Assert.Null(authenticator.Verify(ApiKeys.Hash(made)));
        Assert.Null(authenticator.Verify(made[..^1]));
        Assert.False(made.Equals(ApiKeys.Create(), StringComparison.Ordinal));
        Assert.Null(ApiKeys.ParseHash(ApiKeys.Hash(made).Replace("sha256:", "sha512:", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_program_makes_keys_and_hashes_and_takes_one_from_its_input_only()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.Equal(0, NodeInvocation.Read(["--new-key"], output, error).ExitCode);
        var lines = output.ToString().Split('\n');
        var (key, hash) = (lines[0].Split(' ')[^1], lines[1].Split(' ')[^1]);
        Assert.Equal(ApiKeys.Hash(key), hash);
        output.GetStringBuilder().Clear();
        Assert.Equal(0, NodeInvocation.Read(["--hash-key"], output, error, new StringReader(key + "\n")).ExitCode);
        Assert.Equal(hash, output.ToString().Trim());
        Assert.Equal("", error.ToString());
        Assert.Equal(2, NodeInvocation.Read(["--hash-key"], output, error, new StringReader("short")).ExitCode);
        Assert.DoesNotContain("short", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("billing")]
    [InlineData("billing-key-012345678")]
    [InlineData("billing-key-01234567890")]
    [InlineData("BILLING-KEY-0123456789")]
    [InlineData(" billing-key-0123456789")]
    [InlineData("a.b.c")]
    public void Any_other_text_is_nobody(string credential) => Assert.Null(new Authenticator(Options, Tokens.Clock).Verify(credential));

    [Fact]
    public void A_credential_of_a_megabyte_is_nobody() => Assert.Null(new Authenticator(Options, Tokens.Clock).Verify(new string('x', 1 << 20)));

    [Fact]
    public void Whether_credentials_are_required_is_what_was_configured()
    {
        Assert.True(new Authenticator(Options, Tokens.Clock).IsRequired);
        Assert.False(new Authenticator(new AuthOptions(), Tokens.Clock).IsRequired);
    }

    [Theory]
    [InlineData("Bearer abc", "abc")]
    [InlineData("bearer  abc ", "abc")]
    [InlineData("Bearer ", null)]
    [InlineData("Bearer", null)]
    [InlineData("Basic abc", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void The_credential_stands_behind_Bearer(string? header, string? expected) => Assert.Equal(expected, Authenticator.FromHeader(header));

    [Theory]
    [InlineData("")]
    [InlineData("\ud800x")]
    public void No_token_is_issued_for_an_id_it_could_not_be_verified_with(string agent) =>
        Assert.ThrowsAny<ArgumentException>(() => new Authenticator(Options, Tokens.Clock).Issuer.Issue(agent, null));

    [Fact]
    public void No_token_is_issued_for_an_id_that_is_too_long() =>
        Assert.ThrowsAny<ArgumentException>(() => new Authenticator(Options, Tokens.Clock).Issuer.Issue(new string('x', 257), null));
}
