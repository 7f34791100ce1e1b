using System.Text.Json;

namespace Relay.Bench.Tests.Support;

/// <summary>Runs the tool in this process and reads its JSON report.</summary>
internal sealed record Tool(int ExitCode, JsonElement Report)
{
    /// <summary>A short run: no warm-up, no pause, half a second. What should come has two more; what comes ends the run at once.</summary>
    public static Task<Tool> RunShortlyAsync(string url, params string[] args) =>
        RunAsync(["--url", url, "--warm-up", "0", "--settle", "0", "--seconds", "0.5", "--drain", "2", .. args]);

    public static async Task<Tool> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await BenchProgram.RunAsync([.. args, "--json"], output, error, null, CancellationToken.None);
        Assert.True(error.ToString().Length == 0, error.ToString());
        using var json = JsonDocument.Parse(output.ToString());
        return new Tool(code, json.RootElement.Clone());
    }

    public long Check(string name) => Report.GetProperty("checks").GetProperty(name).GetInt64();

    public JsonElement Resume(string name) => Report.GetProperty("resume").GetProperty(name);

    public double Load(string name) => Report.GetProperty("load").GetProperty(name).GetDouble();

    public override string ToString() => Report.ToString();
}
