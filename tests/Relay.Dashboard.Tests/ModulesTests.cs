using Relay.Dashboard.Tests.Support;

namespace Relay.Dashboard.Tests;

/// <summary>What the pages are made of, without a browser.</summary>
[Collection(nameof(DashboardCollection))]
public sealed class ModulesTests
{
    [Fact]
    public async Task Its_plain_modules_do_what_their_tests_say() => Assert.Contains("# fail 0", await BuiltDashboard.RunAsync("npm", "test"), StringComparison.Ordinal);

    [Fact]
    public async Task Its_types_hold() => await BuiltDashboard.RunAsync("npm", "run", "check");
}
