namespace Relay.Node.Tests.Support;

/// <summary>Waits for states that announce themselves to nobody, such as gauges.</summary>
internal static class Eventually
{
    /// <summary>Far beyond anything a loaded machine needs; only a failing test waits so long.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task BecomesTrueAsync(Func<bool> condition, string what)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, $"never came true: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }
}
