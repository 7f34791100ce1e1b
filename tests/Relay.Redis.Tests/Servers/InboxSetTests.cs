using Relay.Redis.Cluster;
using Relay.Redis.Tests.Cluster;

namespace Relay.Redis.Tests.Servers;

/// <summary>Inboxes on several servers as one.</summary>
public sealed class InboxSetTests
{
    private readonly InboxLog _log = new() { WithChanges = true };
    private readonly InboxSet _set;

    public InboxSetTests() => _set = new InboxSet(_log, 3);

    [Fact]
    public async Task Frames_come_in_as_soon_as_one_server_brings_them_and_while_one_does()
    {
        _set.Of(1).OnInboxRestored();
        await _log.ExpectAsync("restored");
        _set.Of(0).OnInboxRestored();
        Assert.True(_log.IsEmpty);

        // What was under way may be lost; what comes does not stop.
        _set.Of(1).OnInboxLost();
        await _log.ExpectAsync("lost", "restored");
        _set.Of(0).OnInboxLost();
        await _log.ExpectAsync("lost");
        Assert.True(_log.IsEmpty);
        _set.Of(2).OnInboxRestored();
        await _log.ExpectAsync("restored");
    }

    [Fact]
    public async Task A_server_over_which_no_frames_go_tells_of_changes_only()
    {
        _set.Unheard.OnInboxRestored();
        _set.Unheard.OnInboxLost();
        _set.Unheard.OnChanged(7);
        await _log.ExpectAsync("changed 7");
        Assert.True(_log.IsEmpty);
    }
}
