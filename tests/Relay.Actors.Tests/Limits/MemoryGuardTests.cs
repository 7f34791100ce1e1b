using Relay.Actors.Limits;

namespace Relay.Actors.Tests.Limits;

public sealed class MemoryGuardTests
{
    [Fact]
    public void New_work_is_refused_before_old_work_is_broken_and_taken_again_a_little_below()
    {
        var guard = default(MemoryGuard);
        var levels = new[] { 80, 90, 99, 100, 109, 110, 106, 104, 96, 94, 86, 84 }.Select(used =>
        {
            guard.Update(used, 100);
            return (int)guard.Level;
        });
        Assert.Equal([0, 1, 1, 2, 2, 3, 3, 2, 2, 1, 1, 0], levels);
    }

    [Fact]
    public void Without_a_budget_there_is_always_enough()
    {
        var guard = default(MemoryGuard);
        Assert.False(guard.Update(long.MaxValue, 0));
        Assert.Equal(MemoryLevel.Fine, guard.Level);
    }
}
