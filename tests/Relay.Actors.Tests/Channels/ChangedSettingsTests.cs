using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Actors.Tests.Channels;

/// <summary>A channel whose namespace's settings change while it lives.</summary>
public sealed class ChangedSettingsTests
{
    private static readonly NamespaceSettings First = new() { HistoryLength = 10, DedupeIds = 10, KeyedValues = 10 };

    private readonly ChannelState _state = new("topics/a", new Epoch(7), First, 1_000_000);

    [Fact]
    public void A_shorter_history_drops_the_oldest_at_once_and_a_longer_one_fills()
    {
        Publish(1, 10);
        _state.Take(First with { HistoryLength = 4 });
        Assert.Equal([7, 8, 9, 10], Offsets());
        _state.Take(First with { HistoryLength = 6 });
        Publish(11, 13);
        Assert.Equal([8, 9, 10, 11, 12, 13], Offsets());
        _state.Take(First with { HistoryLength = 0 });
        Publish(14, 14);
        Assert.Empty(Offsets());
    }

    [Fact]
    public void Fewer_remembered_ids_forget_the_oldest_and_more_remember_more()
    {
        Publish(1, 10);
        _state.Take(First with { DedupeIds = 3 });
        Assert.Equal(3, _state.KnownIds);
        Assert.True(IsDuplicate("id-10"));
        Assert.False(IsDuplicate("id-1"));
        _state.Take(First with { DedupeIds = 40 });
        Publish(20, 49);
        Assert.Equal(33, _state.KnownIds);
        Assert.True(IsDuplicate("id-20"));
    }

    [Fact]
    public void Fewer_keys_forget_those_written_first()
    {
        for (var i = 0; i < 6; i++)
        {
            Keyed("k" + i);
        }

        _state.Take(First with { KeyedValues = 2 });
        Assert.Equal(2, _state.KeptKeys);
        _state.Take(First with { KeyedValues = 0 });
        Keyed("k9");
        Assert.Equal(0, _state.KeptKeys);
        _state.Take(First);
        Keyed("k1");
        Assert.Equal(1, _state.KeptKeys);
    }

    [Fact]
    public void A_view_looks_again_only_after_the_snapshot_was_swapped()
    {
        var settings = new RelaySettings { NodeId = "n1", Namespaces = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal) { ["topics"] = First } };
        var live = new LiveSettings(settings);
        var view = new NamespaceView(live, "topics/a");
        Assert.True(view.HasChanged());
        Assert.False(view.HasChanged());
        live.Take(settings with { NodeId = "other", UnsentBytes = 5 });
        Assert.False(view.HasChanged());
        Assert.Equal(("n1", 5), (live.Current.NodeId, live.Current.UnsentBytes));
        live.Take(settings with { Namespaces = new Dictionary<string, NamespaceSettings>(StringComparer.Ordinal) { ["topics"] = First with { HistoryLength = 3 } } });
        Assert.True(view.HasChanged());
        Assert.Equal(3, view.Current.HistoryLength);
    }

    private void Publish(int from, int to)
    {
        for (var i = from; i <= to; i++)
        {
            Show(_state.Accept(new PublishItem { Event = "e", Data = "1"u8.ToArray(), IdempotencyKey = "id-" + i }, "", 1_000_000, out _)!);
        }
    }

    private void Keyed(string key) => Show(_state.Accept(new PublishItem { Event = "e", Data = "1"u8.ToArray(), Key = key }, "", 1_000_000, out _)!);

    private void Show(Publication publication) => Assert.NotNull(publication);

    private bool IsDuplicate(string id)
    {
        _ = _state.Accept(new PublishItem { Event = "e", Data = "1"u8.ToArray(), IdempotencyKey = id }, "", 1_000_000, out var outcome);
        return outcome.Duplicate;
    }

    private long[] Offsets() => [.. _state.Last(100, 1_000_000).Select(static one => one.Position.Offset)];
}
