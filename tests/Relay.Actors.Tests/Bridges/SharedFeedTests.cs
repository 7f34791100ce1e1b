using System.Text;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;

namespace Relay.Actors.Tests.Bridges;

public sealed class SharedFeedTests
{
    private readonly Node _first = new(1);
    private readonly Node _second = new(2);

    [Fact]
    public void Who_serves_a_channel_brings_its_messages_and_the_other_keeps_them()
    {
        _first.Serves("users/a");
        _second.Serves("users/b");
        Mark(_first);
        Publish("m1", "users/a");
        Publish("m2", "users/b");
        Assert.Equal(["m1"], _first.Brought);
        Assert.Equal(["m2"], _second.Brought);
        Assert.Equal((1, 1), (_first.Feed.CountKept, _second.Feed.CountKept));
    }

    [Fact]
    public void Both_give_a_message_the_same_id_unless_it_has_one()
    {
        _first.Serves("users/a");
        _second.Serves("users/a");
        Mark(_first);
        Publish("m1", "users/a");
        Publish("m2", "users/a", "its-own");
        Mark(_second);
        Publish("m3", "users/a");
        Assert.Equal(_first.Ids, _second.Ids);
        Assert.Equal(["~1.1.0", "its-own", "~2.1.0"], _first.Ids);
    }

    [Fact]
    public void A_message_that_cannot_be_read_counts_all_the_same()
    {
        _first.Serves("users/a");
        Mark(_first);
        _first.Hear(null);
        Publish("m1", "users/a", to: [_first]);
        Assert.Equal(["~1.1.1"], _first.Ids);
    }

    [Fact]
    public void Nothing_has_an_id_between_an_interruption_and_the_next_mark()
    {
        _first.Serves("users/a");
        Publish("m1", "users/a", to: [_first]);
        Mark(_first);
        _first.Feed.Interrupted();
        Publish("m2", "users/a", to: [_first]);
        Publish("m3", "users/b", to: [_first]);
        Assert.Equal([null, null], _first.Ids);
        Assert.Equal(0, _first.Feed.CountKept);
    }

    [Fact]
    public void Of_a_message_to_two_channels_each_node_brings_its_part_and_it_is_counted_once()
    {
        _first.Serves("users/a");
        _second.Serves("global");
        Mark(_first);
        Publish("m1", ["users/a", "global"]);
        Assert.Equal("users/a", Assert.Single(_first.Items[0].Channels));
        Assert.Equal("global", Assert.Single(_second.Items[0].Channels));
        Assert.Equal((false, true), (_first.Items[0].Item.IsCopy, _second.Items[0].Item.IsCopy));
    }

    [Fact]
    public void What_nobody_served_is_brought_by_the_first_that_does()
    {
        Mark(_first);
        Publish("m1", "users/a");
        Publish("m2", "users/b");
        Mark(_first);
        Mark(_second);
        _first.Serves("users/a");
        Publish("m3", "users/a");
        Assert.Equal(["m1", "m3"], _first.Brought);
        Assert.Equal(1, _first.Feed.CountKept);
    }

    [Fact]
    public void Who_takes_a_channel_over_brings_what_the_former_owner_has_not_said_it_brought_in_order()
    {
        _first.Serves("users/a");
        Mark(_first);
        Publish("m1", "users/a");
        _first.Settle();
        Mark(_first);
        Mark(_first);
        Publish("m2", "users/a");
        Publish("m3", "users/a");
        _second.Serves("users/a");
        Publish("m4", "users/a", to: [_second]);
        Assert.Equal(["m2", "m3", "m4"], _second.Brought);
        Assert.Equal(_first.Ids[1..], _second.Ids[..2]);
    }

    [Fact]
    public void What_the_channels_have_not_confirmed_is_not_said_to_be_brought()
    {
        _first.Serves("users/a");
        Mark(_first);
        Publish("m1", "users/a");
        Mark(_first);
        Mark(_first);
        _second.Serves("users/a");
        Mark(_second);
        Assert.Equal(["m1"], _second.Brought);
    }

    [Fact]
    public void What_a_channel_refused_is_not_said_to_be_brought_for_as_long_as_it_is_kept()
    {
        _first.Serves("users/a");
        Mark(_first);
        Publish("m1", "users/a");
        _first.Settle(accepted: false);
        Mark(_first);
        Mark(_first);
        _second.Serves("users/a");
        Mark(_second);
        Assert.Equal(["m1"], _second.Brought);
        _first.Now += SharedFeed.KeptFor + TimeSpan.FromSeconds(1);
        Mark(_first);
        Assert.Equal("2.1", _first.LastMark.Split(' ')[3]);
    }

    [Fact]
    public void A_node_that_does_not_serve_a_channel_says_nothing_about_it()
    {
        _first.Serves("users/b");
        Mark(_first);
        Publish("m1", "users/a");
        Mark(_first);
        Mark(_first);
        _second.Serves("users/a");
        Mark(_second);
        Assert.Equal(["m1"], _second.Brought);
    }

    [Fact]
    public void A_channel_that_comes_back_brings_what_was_kept_meanwhile()
    {
        _first.Serves("users/a");
        Mark(_first);
        Publish("m1", "users/a");
        _first.Settle();
        _first.Loses("users/a");
        Publish("m2", "users/a");
        Mark(_first);
        _first.Serves("users/a");
        Mark(_first);
        Assert.Equal(["m1", "m2"], _first.Brought);
    }

    [Fact]
    public void Messages_are_kept_for_ten_seconds_and_within_bounded_bytes()
    {
        Mark(_first);
        Publish("m1", "users/a", to: [_first]);
        _first.Now += SharedFeed.KeptFor;
        Publish("m2", "users/a", to: [_first]);
        Assert.Equal(2, _first.Feed.CountKept);
        _first.Now += TimeSpan.FromMilliseconds(1);
        Publish("m3", "users/a", to: [_first]);
        Assert.Equal(2, _first.Feed.CountKept);
        for (var i = 0; i < 20; i++)
        {
            Publish("large", "users/a", bytes: SharedFeed.MaxBytes / 10, to: [_first]);
        }

        Assert.Equal(9, _first.Feed.CountKept);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2 9 1 - 0")]
    [InlineData("1 9")]
    public void What_is_no_mark_changes_nothing(string text)
    {
        _first.Serves("users/a");
        Mark(_first);
        _first.Mark(Encoding.UTF8.GetBytes(text));
        Publish("m1", "users/a", to: [_first]);
        Assert.Equal(["~1.1.0"], _first.Ids);
    }

    private void Mark(Node says)
    {
        var mark = says.Say();
        _first.Mark(mark);
        _second.Mark(mark);
    }

    private void Publish(string name, string channel, string? id = null, int bytes = 10, Node[]? to = null) => Publish(name, [channel], id, bytes, to);

    private void Publish(string name, string[] channels, string? id = null, int bytes = 10, Node[]? to = null)
    {
        foreach (var node in to ?? [_first, _second])
        {
            node.Hear(new BridgeItem(channels, new PublishItem { Event = name, IdempotencyKey = id }), bytes);
        }
    }

    // Every channel is a shard of its own here.
    private sealed class Node : IServedShards
    {
        private static readonly string[] Channels = ["users/a", "users/b", "global"];
        private readonly long[] _fences = new long[Channels.Length];
        private readonly List<long> _open = [];
        private long _fence;

        public Node(ulong run) => Feed = new SharedFeed(this, run);

        public SharedFeed Feed { get; }

        public TimeSpan Now { get; set; }

        public string LastMark { get; private set; } = "";

        public List<BridgeItem> Items { get; } = [];

        public IEnumerable<string> Brought => Items.Select(static item => item.Item.Event);

        public List<string?> Ids => [.. Items.Select(static item => item.Item.IdempotencyKey)];

        public int Count => Channels.Length;

        public long Version { get; private set; }

        public int ShardOf(string channel) => Array.IndexOf(Channels, channel);

        public long FenceOf(int shard) => _fences[shard];

        public void Serves(string channel)
        {
            _fences[ShardOf(channel)] = ++_fence;
            Version++;
        }

        public void Loses(string channel) => _fences[ShardOf(channel)] = 0;

        public byte[] Say()
        {
            var mark = Feed.NextMark(Now);
            LastMark = Encoding.UTF8.GetString(mark);
            return mark;
        }

        public void Mark(byte[] mark) => Take(items => Feed.Mark(mark, Now, items));

        public void Hear(BridgeItem? item, int bytes = 10) => Take(items => Feed.Hear(item, bytes, Now, items));

        public void Settle(bool accepted = true)
        {
            _open.ForEach(number => Feed.Settled(number, accepted, Now));
            _open.Clear();
        }

        private void Take(Action<List<BridgeItem>> hear)
        {
            var items = new List<BridgeItem>();
            hear(items);
            Items.AddRange(items);
            if (items.Count > 0)
            {
                _open.Add(Feed.Begin());
            }
        }
    }
}
