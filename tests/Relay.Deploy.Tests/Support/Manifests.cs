using System.Collections.Concurrent;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>The overlays as <c>kubectl kustomize</c> renders them.</summary>
internal static class Manifests
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<string>>> Rendered = new(StringComparer.Ordinal);

    public static Task<string> RenderAsync(string overlay) =>
        Rendered.GetOrAdd(overlay, static name => new Lazy<Task<string>>(() => KustomizeAsync(Repository.File("deploy", "k8s", "overlays", name)))).Value;

    public static async Task<string> KustomizeAsync(string folder) =>
        (await Tool.RunAsync("kubectl", ["kustomize", folder])).MustSucceed($"kubectl kustomize {folder}").Output;

    /// <summary>What a node of the overlay finds in its environment, with secrets as <c>deploy/secrets.sh</c> draws them.</summary>
    public static async Task<Dictionary<string, string>> EnvironmentAsync(string overlay) => await EnvironmentOfAsync(await RenderAsync(overlay));

    /// <summary>The same of manifests that are rendered already.</summary>
    public static async Task<Dictionary<string, string>> EnvironmentOfAsync(string rendered)
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("secret.yaml"), await SecretsAsync("kubernetes"));
        return Checks.Result<Dictionary<string, string>>(await Checks.RunOnAsync("environment.mjs", rendered, folder.File("secret.yaml")));
    }

    public static async Task<string> SecretsAsync(string form) =>
        (await Tool.RunAsync(Repository.File("deploy", "secrets.sh"), [form])).MustSucceed("deploy/secrets.sh").Output;
}
