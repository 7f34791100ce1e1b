using System.Reflection.PortableExecutable;
using Relay.Deploy.Tests.Support;
using Relay.Testing;

namespace Relay.Deploy.Tests;

/// <summary>The image's content, run with the environment, the user and the read-only file system of its pod. Only what makes a container of it is missing.</summary>
public sealed class ImageTests(PublishedNode published) : IClassFixture<PublishedNode>
{
    [FactInContainer]
    public void What_is_published_is_compiled_ahead()
    {
        foreach (var assembly in Directory.GetFiles(published.Folder, "Relay.*.dll"))
        {
            using var reader = new PEReader(File.OpenRead(assembly));
            Assert.True(reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, $"{Path.GetFileName(assembly)} is not ReadyToRun");
        }
    }

    [FactInContainer]
    public async Task A_single_node_keeps_its_journal_over_a_restart_and_writes_nowhere_else()
    {
        using var volume = new TempFolder("relay-volume-");
        var environment = await Manifests.EnvironmentAsync("single");
        string first;
        using (var node = new ContainedNode(published, volume.Path, environment))
        {
            await node.ReadyAsync();
            Assert.Equal(200, await node.StatusAsync("/live"));
            Assert.Equal(401, (await node.PublishAsync(null)).Status);
            (var status, first) = await node.PublishAsync(node.ApiKey);
            Assert.True(status == 200, first);
            Assert.Contains("\"offset\":1,", first, StringComparison.Ordinal);
            Assert.Contains("Uid:\t1654\t", await File.ReadAllTextAsync($"/proc/{node.Id}/status"), StringComparison.Ordinal);
            var mounts = await File.ReadAllLinesAsync($"/proc/{node.Id}/mounts");
            Assert.Contains(mounts, static mount => mount.Split(' ') is [_, "/", _, var options, ..] && options.StartsWith("ro", StringComparison.Ordinal));
            await node.LeaveAsync();
            Assert.Contains("leaving", node.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(" fail: ", node.Output, StringComparison.Ordinal);
        }

        using var next = new ContainedNode(published, volume.Path, environment);
        await next.ReadyAsync();
        var (_, second) = await next.PublishAsync(next.ApiKey);
        Assert.Contains("\"offset\":2,", second, StringComparison.Ordinal);
    }

    [FactInContainer]
    public async Task A_node_of_the_demo_is_ready_with_a_Redis_and_a_PostgreSQL_of_its_own()
    {
        using var volume = new TempFolder("relay-volume-");
        var environment = await Manifests.EnvironmentAsync("demo");
        await using var redis = await RedisServerProcess.StartAsync(new RedisServerSettings { Password = environment["Relay__Redis__Password"] });
        await using var postgres = await PostgresServerProcess.StartAsync();
        environment["Relay__Redis__Endpoints"] = redis.Endpoint;
        environment["Relay__Postgres__Connection"] = postgres.ConnectionString;
        using var node = new ContainedNode(published, volume.Path, environment);
        await node.ReadyAsync();
        var (status, answer) = await node.PublishAsync(node.ApiKey);
        Assert.True(status == 200, answer);
        Assert.Empty(Directory.GetFileSystemEntries(volume.Path));
        await node.LeaveAsync();
        Assert.DoesNotContain(" fail: ", node.Output, StringComparison.Ordinal);
    }
}
