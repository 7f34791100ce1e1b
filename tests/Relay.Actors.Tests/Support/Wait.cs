namespace Relay.Actors.Tests;

/// <summary>For the few tests on real threads: waits until something is so, with a bound that only a failing test reaches.</summary>
internal static class Wait
{
    public static void Until(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), "It did not become so");
}
