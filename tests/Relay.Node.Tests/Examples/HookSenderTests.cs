using Relay.Testing;

namespace Relay.Node.Tests.Examples;

public sealed class HookSenderTests
{
    private const string Script = "hook-sender/send_hook.py";

    /// <summary>The sender closes right behind its last event; everything before the close counts.</summary>
    [Fact]
    public async Task All_events_of_a_sender_that_leaves_at_once_reach_the_watchers_in_order()
    {
        await using var node = await ExampleNode.StartAsync();
        using var watcher = await node.ListenAsync(node.Hooks, "/", "hooks");
        Assert.Equal("system.status", (await watcher.ReadJsonAsync()).GetProperty("type").GetString());
        var run = (await ExampleRun.PythonAsync(Script, "", "--demo", "--url", $"ws://{node.Hooks.Authority}/")).Succeeded();
        Assert.Empty(run.Output);
        string[] story = ["hook.session_start", "hook.user_prompt_submit", "hook.pre_tool_use", "hook.post_tool_use", "hook.stop"];
        foreach (var type in story)
        {
            var hook = await watcher.ReadJsonAsync();
            Assert.Equal(type, hook.GetProperty("type").GetString());
            Assert.Equal("demo", hook.GetProperty("data").GetProperty("session_id").GetString());
        }
    }

    [Fact]
    public async Task An_event_from_standard_input_reaches_the_watchers()
    {
        await using var node = await ExampleNode.StartAsync();
        using var watcher = await node.ListenAsync(node.Hooks, "/", "hooks");
        const string Given = """{"hook_event_name":"UserPromptSubmit","session_id":"s1","prompt":"Grüße"}""";
        (await ExampleRun.PythonAsync(Script, Given, "--url", $"ws://{node.Hooks.Authority}/")).Succeeded();
        var hook = await watcher.ReadUntilAsync("type", "hook.user_prompt_submit");
        Assert.Equal("""{"session_id": "s1", "prompt": "Gr\u00fc\u00dfe"}""", hook.GetProperty("data").GetRawText());
    }

    [Theory]
    [InlineData("""{"hook_event_name":"Stop","session_id":"s1"}""")]
    [InlineData("no JSON")]
    [InlineData("[1]")]
    public async Task Without_a_relay_or_with_nonsense_its_caller_does_not_notice(string input)
    {
        var run = await ExampleRun.PythonAsync(Script, input, "--url", $"ws://127.0.0.1:{FreePort.Next()}/");
        Assert.Equal(0, run.ExitCode);
        Assert.Empty(run.Output);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task A_wrong_option_does_not_block_the_caller_either()
    {
        var run = await ExampleRun.PythonAsync(Script, "", "--nonsense");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("unrecognized arguments: --nonsense", run.Error, StringComparison.Ordinal);
    }
}
