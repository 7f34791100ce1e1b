using System.Runtime.InteropServices;
using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>What the image holds: the Dockerfile's publish command, run on the files the Dockerfile copies and on no others; by <c>test.sh</c>, or else here.</summary>
public sealed class PublishedNode : IAsyncLifetime
{
    private readonly TempFolder _folder = new("relay-image-");

    /// <summary>As <c>/app</c> in the image.</summary>
    public string Folder => NodeProgram.Published.Length > 0 ? NodeProgram.Published : _folder.File("app");

    public async Task InitializeAsync()
    {
        if (Missing.Container is not null || NodeProgram.Published.Length > 0)
        {
            return;
        }

        var image = await DockerfileTests.ImageAsync();
        var sources = _folder.File("source");
        foreach (var source in image.Sources)
        {
            Copy(Repository.File(source), Path.Combine(sources, source));
        }

        var command = image.Publish
            .Replace("$TARGETARCH", RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64", StringComparison.Ordinal)
            .Replace($"-o {image.Folder}", $"-o {Folder}", StringComparison.Ordinal)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(command, word => word.Equals(Folder, StringComparison.Ordinal));
        var run = await Tool.RunAsync(command[0], [.. command[1..], "-nodeReuse:false", "-p:UseSharedCompilation=false"], sources);
        run.MustSucceed(image.Publish);
    }

    public Task DisposeAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    /// <summary>Without what .dockerignore leaves out.</summary>
    private static void Copy(string from, string to)
    {
        if (File.Exists(from))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
            return;
        }

        foreach (var entry in Directory.EnumerateFileSystemEntries(from).Where(static entry => Path.GetFileName(entry) is not ("bin" or "obj")))
        {
            Copy(entry, Path.Combine(to, Path.GetFileName(entry)));
        }
    }
}
