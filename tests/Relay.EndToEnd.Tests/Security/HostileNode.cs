using System.Security.Cryptography;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Security;

/// <summary>
/// One node as it would be exposed, for all groups: everybody needs a credential, one listener has TLS, one namespace is durable. Beside every attack a good client publishes to itself and hears it.
/// </summary>
public sealed class HostileNode : IAsyncLifetime
{
    public const string ServiceKey = "service-key-0123456789abcdef0123456789";
    public const string AdminKey = "admin-key-0123456789abcdef0123456789ab";
    public const string SigningSecret = "signing-secret-0123456789abcdef0123456789";
    public const string Issuer = "https://id.example.com";
    public const string Origin = "https://app.example.com";

    private readonly TempFolder _folder = new("relay-hostile-");
    private GoodClient? _good;

    internal NodeProcess Process { get; private set; } = null!;

    internal GoodClient Good => _good!;

    /// <summary>Signs with the private half of the key whose public half the node knows.</summary>
    internal RSA Rsa { get; } = RSA.Create(2048);

    internal int TlsPort => Process.Port("secure");

    public async Task InitializeAsync()
    {
        var certificates = TestCertificates.Create(_folder);
        var pem = _folder.File("issuer.pem");
        await File.WriteAllTextAsync(pem, Rsa.ExportSubjectPublicKeyInfoPem());
        var start = NodeStart.With(
            ("Testing:Echo", "true"),
            ("Auth:Required", "true"),
            ("Auth:TokenInQuery", "true"),
            ("Auth:Origins:0", Origin),
            ("Auth:Jwt:Issuer", Issuer),
            ("Auth:Jwt:ClockSkew", "0s"),
            ("Auth:Jwt:Keys:0:Kid", "hs"),
            ("Auth:Jwt:Keys:0:Secret", SigningSecret),
            ("Auth:Jwt:Keys:1:Kid", "rs"),
            ("Auth:Jwt:Keys:1:Alg", "RS256"),
            ("Auth:Jwt:Keys:1:File", pem),
            ("Auth:ApiKeys:0:Name", "service"),
            ("Auth:ApiKeys:0:Key", ServiceKey),
            ("Auth:ApiKeys:1:Name", "admin"),
            ("Auth:ApiKeys:1:Key", AdminKey),
            ("Auth:ApiKeys:1:Rights", "admin,publish,subscribe,metrics"),
            ("Limits:HandshakeTimeout", "1s"),
            ("Limits:MessageDeadline", "1s"),
            ("Namespaces:projects:Durability", "sql"),
            ("Listeners:secure:Url", "https://127.0.0.1:0"),
            ("Listeners:secure:Tls:Certificate", certificates.CertificateFile),
            ("Listeners:secure:Tls:Key", certificates.KeyFile));
        Process = await NodeProcess.StartAsync(start with { Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["Logging__LogLevel__Relay"] = "Debug" } });
        _good = await GoodClient.StartAsync(Process, await TokenAsync("good"));
    }

    public async Task DisposeAsync()
    {
        if (_good is not null)
        {
            await _good.DisposeAsync();
        }

        if (Process is not null)
        {
            await Process.DisposeAsync();
        }

        Rsa.Dispose();
        _folder.Dispose();
    }

    /// <summary>A token that is right in everything.</summary>
    internal Task<string> TokenAsync(string subject, string? more = null) => Task.FromResult(TokenOf(subject, more: more));

    internal static string TokenOf(string subject, long? expiresIn = 3600, string? more = null) =>
        TestTokens.Hs256("""{"alg":"HS256","kid":"hs"}""", TestTokens.Claims(subject, Issuer, expiresIn, more), SigningSecret);

    /// <summary>What an attack must leave as it was; checked when it is disposed of by <see cref="Watch.PassAsync"/>.</summary>
    internal Task<Watch> WatchAsync(int mostMiB = 64) => Watch.BeginAsync(this, mostMiB);
}

/// <summary>All groups share the node.</summary>
[CollectionDefinition(Name)]
public sealed class HostileCollection : ICollectionFixture<HostileNode>
{
    public const string Name = "hostile";
}
