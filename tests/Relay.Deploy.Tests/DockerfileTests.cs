using Relay.Deploy.Tests.Support;

namespace Relay.Deploy.Tests;

public sealed class DockerfileTests
{
    [FactWithKubectl]
    public async Task The_image_is_one_that_the_manifests_can_run()
    {
        var image = await ImageAsync();
        var manifests = await Manifests.RenderAsync("single");
        Assert.Contains($"runAsUser: {image.User}\n", manifests, StringComparison.Ordinal);
        Assert.Contains($"containerPort: {image.Port}\n", manifests, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("EXPOSE", "EXPOZE", "Unknown instruction: EXPOZE")]
    [InlineData("USER 1654", "USER app", "no USER by number")]
    [InlineData("[\"dotnet\", \"Relay.Node.dll\"]", "dotnet Relay.Node.dll", "ENTRYPOINT needs a shell")]
    [InlineData("aspnet:10.0-noble-chiseled", "aspnet", "has no version")]
    public async Task The_check_finds_what_is_wrong(string right, string wrong, string said)
    {
        var text = await File.ReadAllTextAsync(Repository.File("Dockerfile"));
        Assert.Contains(right, text, StringComparison.Ordinal);
        var run = await Checks.RunOnAsync("dockerfile.mjs", text.Replace(right, wrong, StringComparison.Ordinal));
        Assert.Equal(1, run.Code);
        Assert.Contains(said, run.Output, StringComparison.Ordinal);
    }

    internal static async Task<Image> ImageAsync() => Checks.Result<Image>(await Checks.RunAsync("dockerfile.mjs", Repository.File("Dockerfile")));
}

/// <summary>What the Dockerfile says.</summary>
/// <param name="Publish">The command that makes what is in <paramref name="Folder"/>.</param>
/// <param name="Sources">What is copied into the stage that builds.</param>
internal sealed record Image(string User, string Port, string Folder, string[] Entry, string Publish, string[] Sources);
