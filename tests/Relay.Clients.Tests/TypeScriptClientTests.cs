namespace Relay.Clients.Tests;

/// <summary>
/// <c>clients/typescript</c>: its own suite, file by file, against the node of this build. The shared behaviours are listed in <c>clients/CONFORMANCE.md</c>; types, size and
/// the guide's code are tests of that suite as well.
/// </summary>
public sealed class TypeScriptClientTests
{
    public static TheoryData<string> Files { get; } = [.. TypeScript.TestFiles()];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Its_tests_pass(string file)
    {
        var run = await TypeScript.TestAsync(file);
        Assert.True(run.Code == 0, run.Everything);
    }
}
