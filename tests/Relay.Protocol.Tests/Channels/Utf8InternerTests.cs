using System.Text;

namespace Relay.Protocol.Tests;

public sealed class Utf8InternerTests
{
    [Fact]
    public void Names_that_share_a_slot_replace_each_other_and_are_never_mixed_up()
    {
        var interner = new Utf8Interner(slots: 1);
        for (var i = 0; i < 1000; i++)
        {
            var name = "name" + (i % 7);
            Assert.Equal(name, interner.Intern(Encoding.UTF8.GetBytes(name)));
        }
    }

    [Fact]
    public void A_name_is_found_again_until_it_is_replaced()
    {
        var interner = new Utf8Interner();
        Assert.False(interner.TryGet("task.created"u8, out _));
        var first = interner.Intern("task.created"u8);
        Assert.Same(first, interner.Intern("task.created"u8));
        Assert.True(interner.TryGet("task.created"u8, out var found));
        Assert.Same(first, found);
    }

    [Fact]
    public void Long_names_are_read_and_not_kept()
    {
        var interner = new Utf8Interner();
        var name = new string('x', Utf8Interner.MaxBytes + 1);
        Assert.Equal(name, interner.Intern(Encoding.UTF8.GetBytes(name)));
        Assert.False(interner.TryGet(Encoding.UTF8.GetBytes(name), out _));
        Assert.Equal("", interner.Intern([]));
    }

    [Fact]
    public async Task Threads_always_read_the_name_they_asked_for()
    {
        var interner = new Utf8Interner(slots: 4);
        var names = Enumerable.Range(0, 64).Select(i => "channel-" + i).ToArray();
        await Parallel.ForAsync(0, 8, (worker, _) =>
        {
            for (var i = 0; i < 5000; i++)
            {
                var name = names[(i * 31 + worker) % names.Length];
                Assert.Equal(name, interner.Intern(Encoding.UTF8.GetBytes(name)));
            }

            return ValueTask.CompletedTask;
        });
    }
}
