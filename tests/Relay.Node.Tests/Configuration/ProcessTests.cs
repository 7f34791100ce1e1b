using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

public sealed class ProcessTests
{
    private static readonly string[] FreePorts =
    [
        "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=http://127.0.0.1:0", "--Relay:Listeners:context:Url=http://127.0.0.1:0",
    ];

    [Fact]
    public async Task A_wrong_configuration_ends_with_2_and_all_its_mistakes()
    {
        await using var node = new NodeProcess(
            ["--Relay:Drain:Seconds=soon", "--Redis:Endpoints=x"], ("Relay__Limits__UnsentBytes", "lots"), ("Relay__Redis__Pasword", "hunter2"));
        Assert.Equal(2, await node.ExitAsync());
        var error = await node.ErrorAsync();
        Assert.Contains("The configuration has 4 mistakes:", error, StringComparison.Ordinal);
        Assert.Contains("Relay:Drain:Seconds = \"soon\": not a whole number", error, StringComparison.Ordinal);
        Assert.Contains("did you mean --Relay:Redis:Endpoints", error, StringComparison.Ordinal);
        Assert.Contains("set it with  Relay__Limits__UnsentBytes=1MiB  or  --Relay:Limits:UnsentBytes=1MiB", error, StringComparison.Ordinal);
        Assert.Contains("Relay:Redis:Pasword: unknown key; did you mean Relay:Redis:Password?", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Empty(node.Output);
    }

    [Theory]
    [InlineData("--help", "Relay:Limits:UnsentBytes  (size; default 1MiB; live)")]
    [InlineData("--version", "ActorRelay 0.")]
    [InlineData("--check", "configuration is valid")]
    [InlineData("check-config", "listener main  http://127.0.0.1:8080 dialect auto")]
    public async Task An_errand_is_done_and_ends_with_0(string argument, string expected)
    {
        await using var node = new NodeProcess([argument]);
        Assert.Equal(0, await node.ExitAsync());
        Assert.Contains(node.Output, line => line.Contains(expected, StringComparison.Ordinal));
        Assert.Empty(await node.ErrorAsync());
    }

    [Fact]
    public async Task A_check_of_a_wrong_configuration_ends_with_2()
    {
        await using var node = new NodeProcess(["--check"], ("WS_PORT", "none"));
        Assert.Equal(2, await node.ExitAsync());
        Assert.Contains("WS_PORT = \"none\"", await node.ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public void Checking_tells_all_mistakes_certificates_included_or_what_would_be_started()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        string[] wrong =
        [
            "check-config", "--Relay:Listeners:main:Url=https://127.0.0.1:0", "--Relay:Listeners:main:Tls:Certificate=missing.pem", "--Relay:Listeners:hooks:Url=https://127.0.0.1:0",
            "--Relay:Listeners:hooks:Tls:Certificate=gone.pem", "--Relay:Limits:UnsentBytes=lots",
        ];
        Assert.Equal(2, NodeInvocation.Read(wrong, output, error).ExitCode);
        Assert.Empty(output.ToString());
        Assert.All(["3 mistakes", "missing.pem", "gone.pem", "Limits:UnsentBytes"], part => Assert.Contains(part, error.ToString(), StringComparison.Ordinal));
        error.GetStringBuilder().Clear();
        Assert.Equal(0, NodeInvocation.Read(["check-config", "--Relay:Redis:Endpoints=redis://me:hunter2@127.0.0.1:1", "--Relay:Namespaces:topics:Durability=redis", "--Relay:Listeners:hooks:Url="], output, error).ExitCode);
        Assert.All(["configuration is valid", "listener context", "redis://127.0.0.1:1/0", "topics (redis)", "cluster   no"], part => Assert.Contains(part, output.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain("listener hooks", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", output.ToString(), StringComparison.Ordinal);
        Assert.Empty(error.ToString());
    }

    [Theory]
    [InlineData("data/journal.db", "is not a SQLite database")]
    [InlineData("data", "the folder cannot be made")]
    public async Task A_journal_that_cannot_be_used_is_one_line_with_the_way_out_and_stays_as_it_was(string file, string expected)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.Path, file))!);
        folder.Write(file, new string('x', 5000));
        await using var node = new NodeProcess([.. FreePorts, "--Relay:Namespaces:topics:Durability=sql"], folder.Path);
        Assert.Equal(1, await node.ExitAsync());
        var error = await node.ErrorAsync();
        Assert.StartsWith("cannot start: ", error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains("Relay:Storage:Path", error, StringComparison.Ordinal);
        Assert.Contains("Way out: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(new string('x', 5000), await File.ReadAllTextAsync(Path.Combine(folder.Path, file)));
    }

    [Fact]
    public async Task A_file_that_is_not_JSON_is_one_line_and_2()
    {
        using var folder = new TemporaryFolder();
        folder.Write("appsettings.json", "{ nonsense");
        await using var node = new NodeProcess([], folder.Path);
        Assert.Equal(2, await node.ExitAsync());
        var error = await node.ErrorAsync();
        Assert.Contains("appsettings.json", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_good_one_says_its_addresses_and_ready_and_ends_with_0_on_a_signal(string signal)
    {
        await using var node = new NodeProcess(FreePorts);
        var main = await node.AddressAsync("main");
        Assert.NotEqual(0, main.Port);
        Assert.EndsWith("dialect auto", node.Output[^1], StringComparison.Ordinal);
        Assert.EndsWith("dialect hooks", await node.LineAsync("listening hooks http://127.0.0.1:"), StringComparison.Ordinal);
        Assert.EndsWith("dialect context", await node.LineAsync("listening context http://127.0.0.1:"), StringComparison.Ordinal);
        await node.LineAsync("ready");

        using var client = new HttpClient { BaseAddress = main };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/live")).StatusCode);
        var ready = await client.GetAsync("/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.StartsWith("{\"status\":\"ready\",\"reasons\":{}", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        await node.SignalAsync(signal);
        Assert.Equal(0, await node.ExitAsync());
        Assert.Empty(await node.ErrorAsync());
    }

    [Fact]
    public async Task WS_PORT_and_HOST_move_the_context_listener_of_the_program()
    {
        await using var node = new NodeProcess([.. FreePorts[..2]], ("WS_PORT", "0"), ("HOST", "127.0.0.7"));
        Assert.Equal("127.0.0.7", (await node.AddressAsync("context")).Host);
    }

    [Fact]
    public async Task The_log_says_that_tokens_are_signed_with_a_key_of_the_process()
    {
        await using var node = new NodeProcess(FreePorts);
        await node.LineAsync("ready");
        await node.SignalAsync("TERM");
        Assert.Equal(0, await node.ExitAsync());
        Assert.Contains(node.Output, line => line.Contains("signed with a random one", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_port_in_use_is_one_line_with_its_key_and_1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = $"http://{taken.LocalEndpoint}";
        await using var node = new NodeProcess([.. FreePorts[..2], "--Relay:Listeners:context:Url=" + url]);
        Assert.Equal(1, await node.ExitAsync());
        Assert.StartsWith($"cannot start: Relay:Listeners:context:Url = \"{url}\": Address already in use", Assert.Single(Lines(await node.ErrorAsync())), StringComparison.Ordinal);
        Assert.DoesNotContain(node.Output, line => line.Contains("   at ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no certificate")]
    public async Task A_bad_certificate_is_one_line_with_its_key_and_1(string? content)
    {
        using var folder = new TemporaryFolder();
        var path = content is null ? Path.Combine(folder.Path, "missing.pem") : folder.Write("bad.pem", content);
        await using var node = new NodeProcess(["--Relay:Listeners:main:Url=https://127.0.0.1:0", "--Relay:Listeners:main:Tls:Certificate=" + path, .. FreePorts[1..]]);
        Assert.Equal(1, await node.ExitAsync());
        Assert.StartsWith($"cannot start: Relay:Listeners:main:Tls:Certificate = \"{path}\":", Assert.Single(Lines(await node.ErrorAsync())), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_https_listener_answers_with_its_certificate()
    {
        using var folder = new TemporaryFolder();
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var certificatePath = folder.Write("relay.pem", certificate.ExportCertificatePem());
        var keyPath = folder.Write("relay.key", key.ExportPkcs8PrivateKeyPem());
        await using var node = new NodeProcess(
            ["--Relay:Listeners:main:Url=https://127.0.0.1:0", "--Relay:Listeners:main:Tls:Certificate=" + certificatePath, "--Relay:Listeners:main:Tls:Key=" + keyPath, .. FreePorts[1..]]);
        var main = await node.AddressAsync("main");
        await node.LineAsync("ready");
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { certificate },
            RevocationMode = X509RevocationMode.NoCheck,
        };
        using var client = new HttpClient(handler) { BaseAddress = main };
        Assert.Equal("https", main.Scheme);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/live")).StatusCode);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
