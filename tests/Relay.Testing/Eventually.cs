using System.Runtime.CompilerServices;

namespace Relay.Testing;

/// <summary>
/// Waits for something outside this process by asking again and again. Only for processes that give no event to wait for;
/// inside a process wait for the event itself.
/// </summary>
public static class Eventually
{
    /// <summary>A bound for a failing test, not an expectation of speed: machines that run many tests at once are slow.</summary>
    public static readonly TimeSpan DefaultBound = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Returns when <paramref name="condition"/> holds. An exception from it counts as "not yet", except <see cref="ServerEndedException"/>:
    /// a process that is gone will not become ready.
    /// </summary>
    /// <exception cref="TimeoutException">Names what was waited for, and the last exception if there was one.</exception>
    public static async Task UntilAsync(
        Func<Task<bool>> condition, string what, TimeSpan? bound = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        var clock = time ?? TimeProvider.System;
        var began = clock.GetTimestamp();
        var limit = bound ?? DefaultBound;
        while (true)
        {
            var failure = await TryAsync(condition);
            if (failure is null)
                return;
            if (clock.GetElapsedTime(began) > limit || failure is ServerEndedException)
                throw new TimeoutException($"Waited {clock.GetElapsedTime(began).TotalSeconds:0.#} s in vain for: {what} ({failure.Message})", failure);
            await Task.Delay(Pause, clock);
        }
    }

    /// <summary>As <see cref="UntilAsync"/>; the text of the condition serves for the failure when none is given.</summary>
    public static Task Until(
        Func<bool> condition, TimeSpan? bound = null, TimeProvider? time = null, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        ArgumentNullException.ThrowIfNull(condition);
        return UntilAsync(() => Task.FromResult(condition()), what, bound, time);
    }

    private static async Task<Exception?> TryAsync(Func<Task<bool>> condition)
    {
        try
        {
            return await condition() ? null : new InvalidOperationException("the condition does not hold");
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
