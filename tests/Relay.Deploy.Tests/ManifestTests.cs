using System.Reflection;
using Relay.Deploy.Tests.Support;

namespace Relay.Deploy.Tests;

public sealed class ManifestTests
{
    [TheoryWithKubectl]
    [InlineData("single")]
    [InlineData("cluster")]
    [InlineData("ha")]
    [InlineData("demo")]
    public async Task An_overlay_is_what_the_Kubernetes_API_takes(string overlay)
    {
        var run = await Checks.RunOnAsync("schemas.mjs", await Manifests.RenderAsync(overlay));
        Assert.True(run.Code == 0, run.Everything);
    }

    [TheoryWithKubectl]
    [InlineData("single")]
    [InlineData("cluster")]
    [InlineData("ha")]
    [InlineData("demo")]
    public async Task The_objects_of_an_overlay_fit_together_and_its_pods_are_confined(string overlay)
    {
        var run = await Checks.RunOnAsync("rules.mjs", await Manifests.RenderAsync(overlay));
        Assert.True(run.Code == 0, run.Everything);
    }

    [TheoryWithKubectl]
    [InlineData("preStop:", "preStopp:", "\"preStopp\"' does not exist")]
    [InlineData("averageUtilization:", "averageUtilisation:", "\"averageUtilisation\"' does not exist")]
    [InlineData("containerPort: 8080", "containerPort: eighty", "containerPort must be integer")]
    [InlineData("  scaleTargetRef:", "  scaleTarget:", "must have required property scaleTargetRef")]
    [InlineData("apiVersion: policy/v1", "apiVersion: policy/v9", "no kind PodDisruptionBudget in policy/v9")]
    [InlineData("whenUnsatisfiable: DoNotSchedule", "whenUnsatisfiable: Never", "Never")]
    public async Task The_schemas_find_what_is_wrong(string right, string wrong, string said) =>
        await MustFailAsync("schemas.mjs", "ha", right, wrong, said);

    [TheoryWithKubectl]
    [InlineData("terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "30 s are too few for 5 s of preStop, 25 s of drain")]
    [InlineData("Relay__Drain__Seconds: \"25\"", "Relay__Drain__Seconds: \"60\"", "45 s are too few")]
    [InlineData("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "its root file system can be written")]
    [InlineData("runAsNonRoot: true", "runAsNonRoot: false", "may run as root")]
    [InlineData("path: /ready", "path: /live", "readiness is not /ready")]
    [InlineData("targetPort: main", "targetPort: http", "its pods have no port http")]
    [InlineData("proxy-read-timeout: \"180\"", "proxy-read-timeout: \"60\"", "after 60 s of silence")]
    [InlineData("Relay__Auth__Required: \"true\"", "Relay__Auth__Required: \"false\"", "anyone may enter")]
    [InlineData("Relay__Cluster__Name: relay", "Relay__Redis__Password: hunter2", "the secret Relay__Redis__Password is written down")]
    [InlineData("  minReadySeconds: 10", "  minReadySeconds: 10\n  replicas: 3", "the workload says how many replicas, too")]
    [InlineData("image: actorrelay:0.1.0", "image: actorrelay:latest", "has no version")]
    public async Task The_rules_find_what_is_wrong(string right, string wrong, string said) =>
        await MustFailAsync("rules.mjs", "ha", right, wrong, said);

    /// <summary>rules.mjs and compose.mjs have them as numbers.</summary>
    [Fact]
    public async Task The_times_that_the_rules_take_from_the_program_are_its_own()
    {
        var reserve = typeof(Relay.Node.Configuration.ConfigurationSetup).GetField("StopReserve", BindingFlags.NonPublic | BindingFlags.Static)!.GetValue(null);
        Assert.Equal(TimeSpan.FromSeconds(5), reserve);
        var settings = await File.ReadAllTextAsync(Repository.File("docs", "configuration.md"));
        Assert.Contains("PingInterval` | duration | `25s; updates 54s; webui 54s`", settings, StringComparison.Ordinal);
    }

    private static async Task MustFailAsync(string script, string overlay, string right, string wrong, string said)
    {
        var text = await Manifests.RenderAsync(overlay);
        Assert.Contains(right, text, StringComparison.Ordinal);
        var run = await Checks.RunOnAsync(script, text.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal(1, run.Code);
        Assert.Contains(said, run.Output, StringComparison.Ordinal);
    }
}
