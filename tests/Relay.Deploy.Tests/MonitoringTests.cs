using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Deploy.Tests.Support;
using Relay.Node.Telemetry;
using Relay.Testing;

namespace Relay.Deploy.Tests;

/// <summary>Alerts, dashboard and what lets Prometheus in.</summary>
public sealed partial class MonitoringTests
{
    // Of .NET and of Prometheus itself; MetricsEndpointTests sees the first two kinds in the program's answer.
    private static readonly string[] Others =
        ["dotnet_process_memory_working_set_bytes", "dotnet_process_cpu_time_seconds_total", "dotnet_gc_pause_time_seconds_total", "up"];

    [Fact]
    public async Task Every_metric_of_the_alerts_exists()
    {
        var alerts = await File.ReadAllTextAsync(Repository.File("deploy", "prometheus", "alerts.yml"));
        var expressions = alerts.Split('\n').Where(static line => line.TrimStart().StartsWith("expr:", StringComparison.Ordinal)).ToList();
        Assert.True(expressions.Count >= 15);
        Assert.All(expressions, static expression => AllExist(expression[(expression.IndexOf(':', StringComparison.Ordinal) + 1)..]));
        Assert.All(NamesIn(string.Join('\n', alerts.Split('\n').Where(static line => line.Contains("description:", StringComparison.Ordinal)))).Where(static name => name.StartsWith("relay_", StringComparison.Ordinal)), Exists);
    }

    [Fact]
    public async Task Every_metric_of_the_dashboard_exists_and_its_panels_stand_beside_each_other()
    {
        using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(Repository.File("deploy", "grafana", "actorrelay.json")));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        var expressions = panels.Where(static panel => panel.TryGetProperty("targets", out _))
            .SelectMany(static panel => panel.GetProperty("targets").EnumerateArray()).Select(static target => target.GetProperty("expr").GetString()!).ToList();
        Assert.True(expressions.Count >= 30);
        Assert.All(expressions, AllExist);
        Assert.Equal(panels.Count, panels.Select(static panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        var cells = panels.SelectMany(static panel => CellsOf(panel.GetProperty("gridPos"))).ToList();
        Assert.Equal(cells.Count, cells.Distinct().Count());
    }

    [FactWithPromtool]
    public async Task Prometheus_takes_the_alerts()
    {
        var run = await Tool.RunAsync("promtool", ["check", "rules", Repository.File("deploy", "prometheus", "alerts.yml")]);
        Assert.True(run.Code == 0, run.Everything);
    }

    [FactWithPromtool]
    public async Task Prometheus_takes_every_expression_of_the_dashboard()
    {
        using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(Repository.File("deploy", "grafana", "actorrelay.json")));
        var expressions = dashboard.RootElement.GetProperty("panels").EnumerateArray().Where(static panel => panel.TryGetProperty("targets", out _))
            .SelectMany(static panel => panel.GetProperty("targets").EnumerateArray()).Select(static target => target.GetProperty("expr").GetString()!.Replace("$__rate_interval", "1m", StringComparison.Ordinal));
        var rules = string.Concat(expressions.Select(static (expression, number) => $"  - record: panel:{number}\n    expr: {JsonSerializer.Serialize(expression)}\n"));
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("rules.yml"), "groups:\n- name: dashboard\n  rules:\n" + rules);
        var run = await Tool.RunAsync("promtool", ["check", "rules", folder.File("rules.yml")]);
        Assert.True(run.Code == 0, run.Everything);
    }

    [FactWithPromtool]
    public async Task Prometheus_reads_what_a_node_tells_and_finds_nothing_to_blame()
    {
        var address = $"http://127.0.0.1:{FreePort.Next()}";
        using var node = ServerProcess.Start(
            "dotnet", [NodeProgram.Path, $"--Relay:Listeners:main:Url={address}", "--Relay:Listeners:hooks:Url=", "--Relay:Listeners:context:Url="], "dotnet was not found");
        using var http = new HttpClient { BaseAddress = new Uri(address) };
        await Eventually.UntilAsync(async () => (await http.GetAsync("/ready")).IsSuccessStatusCode, "a ready node; it wrote " + node.Output);
        using var published = await http.PostAsync("/api/v1/publish", new StringContent("{\"channel\":\"topics/a\",\"event\":\"e\",\"data\":1}"));
        Assert.True(published.IsSuccessStatusCode);
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("metrics"), await http.GetStringAsync("/metrics"));
        var run = await Tool.RunAsync("sh", ["-c", $"promtool check metrics < '{folder.File("metrics")}'"]);

        // 3 = readable, with names that it would choose otherwise: some of .NET's own.
        Assert.True(run.Code is 0 or 3, run.Everything);
        Assert.All((run.Output + run.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries), static line => Assert.StartsWith("dotnet_", line, StringComparison.Ordinal));
    }

    [TheoryWithKubectl]
    [InlineData("pod-monitor")]
    [InlineData("scrape-annotations")]
    public async Task With_a_component_for_Prometheus_an_overlay_is_still_a_right_one(string component)
    {
        var rendered = await RenderAsync(component);
        foreach (var script in new[] { "schemas.mjs", "rules.mjs" })
        {
            var run = await Checks.RunOnAsync(script, rendered);
            Assert.True(run.Code == 0, run.Everything);
        }

        Assert.Contains("actorrelay/metrics: \"true\"", rendered, StringComparison.Ordinal);
        var checkedBy = await Settings.CheckAsync(await Manifests.EnvironmentOfAsync(rendered));
        Assert.True(checkedBy.Code == 0, checkedBy.Everything);
    }

    [TheoryWithKubectl]
    [InlineData("schemas.mjs", "podMetricsEndpoints:", "podMetricEndpoints:", "podMetricEndpoints")]
    [InlineData("rules.mjs", "path: /metrics", "path: /metricz", "the node has no /metricz")]
    [InlineData("rules.mjs", "key: metrics-key\n        name: relay", "key: other-key\n        name: relay", "the node does not know its key")]
    public async Task A_wrong_monitor_is_found(string script, string right, string wrong, string said)
    {
        var rendered = await RenderAsync("pod-monitor");
        Assert.Contains(right, rendered, StringComparison.Ordinal);
        var run = await Checks.RunOnAsync(script, rendered.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal(1, run.Code);
        Assert.Contains(said, run.Output, StringComparison.Ordinal);
    }

    [FactWithKubectl]
    public async Task The_autoscaler_counts_what_a_node_measures()
    {
        var name = AutoscalerMetric().Match(await Manifests.RenderAsync("ha")).Groups["name"].Value;
        Assert.Equal("relay_websocket_open", name);
        Exists(name);
    }

    private static async Task<string> RenderAsync(string component)
    {
        using var folder = new TempFolder();
        var deploy = Path.GetRelativePath(folder.Path, Repository.File("deploy", "k8s"));
        await File.WriteAllTextAsync(folder.File("kustomization.yaml"), $"resources:\n  - {deploy}/overlays/ha\ncomponents:\n  - {deploy}/components/{component}\n");
        return await Manifests.KustomizeAsync(folder.Path);
    }

    private static IEnumerable<(int X, int Y)> CellsOf(JsonElement place) =>
        from x in Enumerable.Range(place.GetProperty("x").GetInt32(), place.GetProperty("w").GetInt32())
        from y in Enumerable.Range(place.GetProperty("y").GetInt32(), place.GetProperty("h").GetInt32())
        select (x, y);

    private static void AllExist(string expression)
    {
        var names = NamesIn(expression).ToList();
        Assert.NotEmpty(names);
        Assert.All(names, Exists);
    }

    private static void Exists(string name)
    {
        var own = MetricsSetup.Described.SelectMany(static group => group.Metrics).Select(MetricsReference.PrometheusNameOf);
        var part = HistogramPart().Replace(name, "");
        Assert.True(own.Contains(name, StringComparer.Ordinal) || own.Contains(part, StringComparer.Ordinal) || Others.Contains(name, StringComparer.Ordinal), $"there is no {name}");
    }

    private static IEnumerable<string> NamesIn(string expression) => MetricName().Matches(expression).Select(static match => match.Value);

    [GeneratedRegex("\\b(?:(?:relay|dotnet|http_server)_[a-z0-9_]+|up(?=\\{))", RegexOptions.None, 1000)]
    private static partial Regex MetricName();

    [GeneratedRegex("_(?:bucket|sum|count)$", RegexOptions.None, 1000)]
    private static partial Regex HistogramPart();

    [GeneratedRegex("metric:\\s+name: (?<name>\\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AutoscalerMetric();
}
