using Relay.Deploy.Tests.Support;
using Relay.Testing;

namespace Relay.Deploy.Tests;

/// <summary>The overlays that docs/operations-kubernetes.md tells people to write.</summary>
public sealed class DocumentationTests
{
    [FactWithKubectl]
    public async Task The_overlay_of_ones_own_is_a_right_one_with_its_settings()
    {
        var rendered = await RenderAsync((await ExamplesAsync())[0]);
        foreach (var script in new[] { "schemas.mjs", "rules.mjs" })
        {
            var run = await Checks.RunOnAsync(script, rendered);
            Assert.True(run.Code == 0, run.Everything);
        }

        Assert.Contains("image: registry.example.com/actorrelay:0.1.0\n", rendered, StringComparison.Ordinal);
        Assert.Contains("- host: relay.internal.example.com\n", rendered, StringComparison.Ordinal);
        var environment = await Manifests.EnvironmentOfAsync(rendered);
        Assert.Equal("rediss://redis.internal.example.com:6380", environment["Relay__Redis__Endpoints"]);
        var checkedBy = await Settings.CheckAsync(environment);
        Assert.True(checkedBy.Code == 0, checkedBy.Everything);
    }

    [FactWithKubectl]
    public async Task The_autoscaler_can_be_left_with_CPU_alone()
    {
        var rendered = await RenderAsync($"resources:\n  - actorrelay/deploy/k8s/overlays/ha\n{(await ExamplesAsync())[1]}");
        Assert.Contains("averageUtilization: 70", rendered, StringComparison.Ordinal);
        Assert.DoesNotContain("relay_websocket_open", rendered, StringComparison.Ordinal);
        var run = await Checks.RunOnAsync("schemas.mjs", rendered);
        Assert.True(run.Code == 0, run.Everything);
    }

    /// <summary>All YAML of the page.</summary>
    private static async Task<List<string>> ExamplesAsync()
    {
        var page = await File.ReadAllTextAsync(Repository.File("docs", "operations-kubernetes.md"));
        return [.. page.Split("```yaml\n").Skip(1).Select(static text => text[..text.IndexOf("```", StringComparison.Ordinal)])];
    }

    private static async Task<string> RenderAsync(string kustomization)
    {
        using var folder = new TempFolder();
        var repository = Path.GetRelativePath(folder.Path, Repository.Root);
        await File.WriteAllTextAsync(folder.File("kustomization.yaml"), kustomization.Replace("- actorrelay/", $"- {repository}/", StringComparison.Ordinal));
        return await Manifests.KustomizeAsync(folder.Path);
    }
}
