using System.Text.Json;
using Relay.Cli;
using Relay.Testing;

namespace Relay.Client.Tests;

/// <summary><c>relay</c> with its verbs, against a real node.</summary>
public sealed class CommandLineTests(ClientTests.OneRelay one) : IClassFixture<ClientTests.OneRelay>, IDisposable
{
    private const string Secret = "a-secret-of-the-tests-that-is-32-bytes-or-more";
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);
    private readonly TempFolder _folder = new();
    private readonly string _url = new UriBuilder(one.Relay.Url) { Scheme = "http", Path = "" }.Uri.ToString();

    [Fact]
    public async Task A_relay_that_is_well_is_told_to_be_so_in_every_dialect()
    {
        var run = await RunAsync("verify");
        Assert.Equal((0, ""), (run.Code, run.Error));
        Assert.All(run.Lines, static line => Assert.True(line.GetProperty("ok").GetBoolean(), line.GetRawText()));
        Assert.Equal(9, run.Lines.Count);
    }

    [Fact]
    public async Task Where_nobody_listens_it_says_so_and_what_to_do()
    {
        var nobody = $"http://127.0.0.1:{FreePort.Next()}";
        var verified = await RunAsync("verify", "--url", nobody);
        Assert.True(verified.Code == 3, verified.Error + verified.Output);
        Assert.Contains("./run.sh", verified.Lines[0].GetProperty("said").GetString(), StringComparison.Ordinal);
        var asked = await RunAsync("nodes", "--url", nobody);
        Assert.Equal(3, asked.Code);
        Assert.Contains(nobody, asked.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_published_stands_in_the_history_and_is_explained()
    {
        var published = await RunAsync("publish", "topics/cli", "task.created", "{\"n\":1}", "--id", "cli-1", "--key", "k");
        Assert.Equal(0, published.Code);
        var offset = Assert.Single(published.Lines).GetProperty("offset").GetInt64();
        await RunAsync("publish", "topics/cli", "task.created", "plain text");
        var history = await RunAsync("history", "topics/cli");
        Assert.Equal(["{\"n\":1}", "\"plain text\""], history.Lines.Select(static line => line.GetProperty("data").GetRawText()), StringComparer.Ordinal);
        Assert.Equal(offset, history.Lines[0].GetProperty("offset").GetInt64());
        var explained = await RunAsync("explain", "cli-1");
        Assert.Equal((0, "accepted"), (explained.Code, Assert.Single(explained.Lines).GetProperty("status").GetString()));
        Assert.Equal(1, (await RunAsync("explain", "no-such-message")).Code);
    }

    [Fact]
    public async Task Lines_of_the_standard_input_are_published_in_order()
    {
        var run = await RunOnAsync(string.Join('\n', Enumerable.Range(0, 300)) + "\n", "publish", "topics/cli-lines", "message.new", "--lines");
        Assert.StartsWith("300 accepted", run.Output, StringComparison.Ordinal);
        var history = await RunAsync("history", "topics/cli-lines", "--limit", "300");
        Assert.Equal(Enumerable.Range(0, 300), history.Lines.Select(static line => line.GetProperty("data").GetInt32()));
    }

    [Fact]
    public async Task Events_are_shown_as_they_pass_with_filters()
    {
        await using var client = new RelayClient(one.Relay.Url);
        var monitoring = RunAsync("monitor", "topics/cli-m", "topics/cli-m/*", "--text", "WANTED", "--count", "2");
        while ((await client.PublishAsync("topics/cli-m", "message.new", "other")).Subscribers == 0)
        {
            Assert.False(monitoring.IsCompleted);
        }

        await client.PublishAsync("topics/cli-m", "message.new", "wanted 1");
        await client.PublishAsync("topics/cli-m/x", "message.new", "wanted 2");
        var run = await monitoring.WaitAsync(Bound);
        Assert.Equal(["wanted 1", "wanted 2"], run.Lines.Select(static line => line.GetProperty("data").GetString()!), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Nodes_shards_channels_and_connections_are_listed_and_a_connection_is_closed()
    {
        await using var client = new RelayClient(one.Relay.Url);
        await using var heard = client.Subscribe("topics/cli-list", new SubscribeOptions { Presence = true });
        var member = Assert.Single((await client.PresenceAsync("topics/cli-list")).Members);
        Assert.Single((await RunAsync("nodes")).Lines);
        Assert.Equal(0, (await RunAsync("shards")).Code);
        Assert.Equal("topics/cli-list", Assert.Single((await RunAsync("channels", "--prefix", "topics/cli-list")).Lines).GetProperty("channel").GetString());
        Assert.Equal(member.ClientId, Assert.Single((await RunAsync("presence", "topics/cli-list")).Lines).GetProperty("members")[0].GetProperty("client_id").GetString());
        Assert.Equal(member.ClientId, Assert.Single((await RunAsync("connections", "--channel", "topics/cli-list")).Lines).GetProperty("connection").GetString());
        var gone = new TaskCompletionSource();
        client.ConnectionChanged += isConnected => _ = isConnected || gone.TrySetResult();
        Assert.Equal(0, (await RunAsync("kick", "--connection", member.ClientId)).Code);
        await gone.Task.WaitAsync(Bound);
        Assert.Contains((await RunAsync("audit")).Lines, static line => line.GetProperty("act").GetString() == "disconnect");
        Assert.Equal(2, (await RunAsync("kick")).Code);
        Assert.Equal(1, (await RunAsync("drain", "no-such-node")).Code);
    }

    [Fact]
    public async Task Credentials_are_asked_for_and_a_token_made_here_is_believed()
    {
        using var relay = new RestartedRelay("Auth:Required=true", $"Auth:Jwt:Keys:0:Secret={Secret}");
        await relay.StartAsync();
        var url = relay.Url.ToString();
        var refused = await RunAsync("publish", "topics/cli", "message.new", "--url", url);
        Assert.Equal(1, refused.Code);
        Assert.Contains("RELAY_KEY", refused.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(_folder.File("secret"), Secret);
        var token = await RunAsync("token", "ann", "--secret-file", _folder.File("secret"), "--right", "topics/**=publish,subscribe,presence,history", "--right", "global=subscribe,presence");
        Assert.Equal(0, token.Code);
        await File.WriteAllTextAsync(_folder.File("token"), token.Output);
        Assert.Equal(0, (await RunAsync("publish", "topics/cli", "message.new", "--url", url, "--key-file", _folder.File("token"))).Code);
        var forbidden = await RunAsync("publish", "agents/other", "message.new", "--url", url, "--key-file", _folder.File("token"));
        Assert.Equal(1, forbidden.Code);
        Assert.Contains("NOT_AUTHORIZED", forbidden.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("publish")]
    [InlineData("nodes", "--url", "ftp://x")]
    [InlineData("token", "ann", "--right", "topics/a", "--secret-file", "/no/such/file")]
    public async Task Wrong_usage_ends_with_2_and_a_sentence(params string[] arguments)
    {
        var run = await RunAsync(arguments);
        Assert.Equal(2, run.Code);
        Assert.StartsWith("relay: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shells_are_given_what_completes_a_line()
    {
        Assert.Contains("complete -o default -F _relay relay", (await RunAsync("completion", "bash")).Output, StringComparison.Ordinal);
        var found = (await RunAsync("[suggest:7]", "relay p")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Contains("publish", found, StringComparer.Ordinal);
        Assert.DoesNotContain("nodes", found, StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_node_is_started_and_a_wrong_configuration_found_under_the_same_name()
    {
        string[] program = [Path.Combine(AppContext.BaseDirectory, "relay.dll")];
        using var check = ServerProcess.Start("dotnet", [.. program, "check-config", "--Relay:No:Such=1"], "dotnet was not found");
        await check.ExitedAsync();
        Assert.Contains("Relay:No:Such: unknown key", check.Output, StringComparison.Ordinal);
        using var node = ServerProcess.Start(
            "dotnet", [.. program, "run", "--Relay:Listeners:main:Url=http://127.0.0.1:0", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url=", $"--Relay:Storage:Path={_folder.File("data")}"], "dotnet was not found");
        await Eventually.Until(() => node.Output.Contains("\nready", StringComparison.Ordinal), Bound);
        node.Terminate();
        await node.ExitedAsync();
    }

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> RunAsync(params string[] arguments) => RunOnAsync("", arguments);

    private async Task<CommandRun> RunOnAsync(string input, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        string[] all = arguments.Contains("--url", StringComparer.Ordinal) || arguments[0][0] == '[' ? arguments : [.. arguments, "--url", _url];
        var code = await CommandLine.RunAsync(all, new Screen(output, error, new StringReader(input), isForPeople: false));
        return new CommandRun(code, output.ToString(), error.ToString());
    }

    private sealed record CommandRun(int Code, string Output, string Error)
    {
        public List<JsonElement> Lines { get; } = [.. Output.Split('\n').Where(static line => line.StartsWith('{')).Select(static line => JsonDocument.Parse(line).RootElement)];
    }
}
