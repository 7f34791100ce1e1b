using Relay.Actors.Limits;

namespace Relay.Actors.Tests.Limits;

/// <summary>The rules by which an overloaded node takes less, against a model of one: a queue that grows by what is accepted beyond what can be done.</summary>
public sealed class CongestionTests
{
    private static readonly TimeSpan Target = TimeSpan.FromMilliseconds(20);

    [Fact]
    public void A_burst_that_passes_within_a_round_limits_nobody()
    {
        var congestion = new Congestion();
        for (var i = 0; i < 100; i++)
        {
            congestion.Sample(TimeSpan.FromSeconds(1));
            congestion.Sample(TimeSpan.FromMilliseconds(1));
            congestion.TriedPublishes(1000, 1000);
            Assert.False(congestion.Turn(Target));
        }

        Assert.True(congestion.IsCalm);
        Assert.Equal(double.PositiveInfinity, congestion.PublishesPerUser);
    }

    [Fact]
    public void One_noisy_user_is_held_and_those_below_the_fair_rate_are_not()
    {
        var node = new Model(capacity: 10_000, [500, 500, 500, 40_000]);
        node.Run(seconds: 10);
        Assert.All(node.Accepted[..3], static rate => Assert.InRange(rate, 490, 510));
        Assert.InRange(node.Accepted[3], 6000, 9000);
        Assert.InRange(node.LongestDelay.TotalMilliseconds, 0, 60);
    }

    [Fact]
    public void Where_all_want_five_times_too_much_each_gets_the_same_and_the_node_stays_busy()
    {
        var node = new Model(capacity: 10_000, [.. Enumerable.Repeat(1000.0, 50)]);
        node.Run(seconds: 10);
        Assert.InRange(node.Accepted.Sum(), 7000, 10_500);
        Assert.InRange(node.Accepted.Max() / node.Accepted.Min(), 1, 1.05);
        Assert.InRange(node.LongestDelay.TotalMilliseconds, 0, 60);
    }

    [Fact]
    public void After_the_overload_nothing_is_refused_within_five_seconds()
    {
        var node = new Model(capacity: 10_000, [.. Enumerable.Repeat(1000.0, 50)]);
        node.Run(seconds: 10);
        Assert.True(node.Congestion.IsShedding);
        node.Wanted = [.. Enumerable.Repeat(150.0, 50)];
        node.Run(seconds: 4);
        node.Run(seconds: 1);
        Assert.InRange(node.Accepted.Sum(), 7400, 7600);
        node.Run(seconds: 60);
        Assert.True(node.Congestion.IsCalm);
    }

    [Fact]
    public void A_reconnect_storm_is_let_in_until_things_wait_ten_times_too_long_and_publishes_are_left_alone()
    {
        var congestion = new Congestion();
        Storm(congestion, TimeSpan.FromMilliseconds(150));
        Assert.Equal(double.PositiveInfinity, congestion.HandshakesPerSecond);
        Assert.Equal(double.PositiveInfinity, congestion.PublishesPerUser);
        Storm(congestion, TimeSpan.FromMilliseconds(250));
        Assert.Equal(100, congestion.HandshakesPerSecond);
        Assert.Equal(double.PositiveInfinity, congestion.PublishesPerUser);
    }

    [Fact]
    public void Input_that_piles_up_in_front_of_a_busy_node_counts_and_in_front_of_an_idle_one_does_not()
    {
        Assert.False(IsSheddingWith(TimeSpan.FromMilliseconds(1)));
        Assert.True(IsSheddingWith(TimeSpan.FromMilliseconds(5)));

        static bool IsSheddingWith(TimeSpan delay)
        {
            var congestion = new Congestion();
            for (var i = 0; i < 10; i++)
            {
                congestion.Sample(delay);
                congestion.TriedPublishes(1000, 1000);
                congestion.FallsBehind();
                congestion.Turn(Target);
            }

            return congestion.IsShedding;
        }
    }

    [Fact]
    public void Who_sends_on_is_read_later_once_refusing_is_most_of_the_work()
    {
        var congestion = new Congestion();
        for (var i = 0; i < 10; i++)
        {
            congestion.Sample(TimeSpan.FromMilliseconds(5));
            congestion.TriedPublishes(1000, 1000);
            congestion.RefusedPublishes(900);
            congestion.FallsBehind();
            congestion.Turn(Target);
        }

        Assert.True(congestion.HoldsBack);
        congestion.Turn(Target);
        Assert.False(congestion.HoldsBack);
    }

    [Fact]
    public void Without_a_target_nothing_is_too_long()
    {
        var congestion = new Congestion();
        for (var i = 0; i < 10; i++)
        {
            congestion.Sample(TimeSpan.FromSeconds(9));
            congestion.Turn(TimeSpan.Zero);
        }

        Assert.True(congestion.IsCalm);
    }

    private static void Storm(Congestion congestion, TimeSpan delay)
    {
        for (var i = 0; i < 20; i++)
        {
            congestion.Sample(delay);
            congestion.TriedHandshakes(1000);
            congestion.TriedPublishes(100, 100);
            congestion.Turn(Target);
        }
    }

    private sealed class Model(double capacity, double[] wanted)
    {
        private double _queue;

        public Congestion Congestion { get; } = new();

        /// <summary>Publishes per second by user.</summary>
        public double[] Wanted { get; set; } = wanted;

        /// <summary>The same, of those accepted in the last run.</summary>
        public double[] Accepted { get; private set; } = [];

        /// <summary>Of the second half of the last run.</summary>
        public TimeSpan LongestDelay { get; private set; }

        public void Run(int seconds)
        {
            Accepted = new double[Wanted.Length];
            LongestDelay = TimeSpan.Zero;
            for (var round = 0; round < seconds * 10; round++)
            {
                for (var user = 0; user < Wanted.Length; user++)
                {
                    var tried = Wanted[user] / 10;
                    Congestion.TriedPublishes((long)tried, (int)tried);
                    var accepted = Math.Min(tried, Congestion.PublishesPerUser / 10);
                    Accepted[user] += accepted / seconds;
                    _queue += accepted;
                }

                _queue = Math.Max(0, _queue - (capacity / 10));
                var delay = TimeSpan.FromSeconds(_queue / capacity);
                Congestion.Sample(delay);
                Congestion.Turn(Target);
                LongestDelay = round < seconds * 5 || delay < LongestDelay ? LongestDelay : delay;
            }
        }
    }
}
