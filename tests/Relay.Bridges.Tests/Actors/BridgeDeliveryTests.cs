using Relay.Actors.Bridges;
using Relay.Actors.Channels;

namespace Relay.Bridges.Tests.Actors;

public sealed class BridgeDeliveryTests
{
    private readonly List<string> _published = [];

    [Fact]
    public async Task The_one_message_that_fails_is_found_among_those_of_its_channel_and_the_others_keep_their_order()
    {
        var fates = await BridgeDelivery.DeliverAsync(
            (items, _) =>
            {
                _published.Add(string.Join(' ', items.Select(static item => item.Item.Event)));
                if (!items.Any(static item => item.Item.Event == "poison"))
                    return Task.FromResult(new BridgeAccepted(0));
                var failed = items.Select(static (item, i) => (item, i)).Where(static one => one.item.Channels[0] == "users/a");
                throw new BridgeUnfinishedException([.. failed.Select(static one => new BridgeOpen(one.i, one.item.Channels, true, "broke"))]);
            },
            [Item("users/a", "1"), Item("users/b", "2"), Item("users/a", "poison"), Item("users/a", "3")]);
        Assert.Equal(["1 2 poison 3", "1", "poison", "3"], _published);
        Assert.Equal([null, null, "broke", null], fates.Select(static fate => fate.Reason));
        Assert.True(fates[2].IsItsOwn);
    }

    [Fact]
    public async Task Behind_a_message_that_waits_nothing_is_tried_alone()
    {
        var fates = await BridgeDelivery.DeliverAsync(
            (items, _) =>
            {
                _published.Add(string.Join(' ', items.Select(static item => item.Item.Event)));
                throw new BridgeUnfinishedException([new BridgeOpen(0, items[0].Channels, false, "journal"), new BridgeOpen(1, items[1].Channels, true, "broke")]);
            },
            [Item("users/a", "1"), Item("users/a", "2"), Item("users/b", "3")]);
        Assert.Equal(["1 2 3"], _published);
        Assert.Equal([(true, false), (true, false), (false, false)], fates.Select(static fate => (fate.Open is not null, fate.IsItsOwn)));
    }

    [Fact]
    public async Task What_is_left_of_a_message_goes_to_its_open_channels_alone_and_stays_a_copy_there()
    {
        var item = new BridgeItem(["users/a", "projects/p", "sessions/s"], new PublishItem { Event = "e" });
        var fates = await BridgeDelivery.DeliverAsync(
            static (_, _) => throw new BridgeUnfinishedException([new BridgeOpen(0, ["projects/p", "sessions/s"], false, "journal")]), [item]);
        Assert.Equal(["projects/p", "sessions/s"], fates[0].Open!.Channels);
        Assert.True(fates[0].Open!.Item.IsCopy);
    }

    private static BridgeItem Item(string channel, string name) => new([channel], new PublishItem { Event = name });
}
