namespace Relay.Actors.Tests;

/// <summary>protocols.md, <c>relay</c>, through the actors: versions, batches, last values, times and ranges.</summary>
public sealed class NativeRulesScripts
{
    [Fact]
    public void A_versioned_publish_is_accepted_at_its_version_only() => Script.Play("""
        a = relay
        a *
        a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":0,"id":"p1"}
        a < {"type":"ack","id":"p1","success":true,"timestamp":…,"epoch":"‹e›","offset":1,"duplicate":false,"subscribers":0}
        a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":0,"id":"p2"}
        a < {"type":"ack","id":"p2","success":false,"code":"VERSION_MISMATCH","error":"The key has another version","current":{"epoch":"‹e›","offset":1},"timestamp":…}
        a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":{"epoch":"‹e›","offset":1},"id":"p2"}
        a < {"type":"ack","id":"p2","success":true,…"offset":2,"duplicate":false,…}
        a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":{"epoch":"‹e›","offset":1},"id":"p2"}
        a < {"type":"ack","id":"p2","success":true,…"offset":2,"duplicate":true,…}
        a > {"type":"publish","channel":"topics/x","event":"e","key":"new","if_version":2,"id":"p3"}
        a < {"type":"ack","id":"p3","success":false,"code":"VERSION_MISMATCH","error":"The key has no value","current":null,"timestamp":…}
        a > {"type":"publish","channel":"topics/y","event":"e","key":"k","if_version":2,"id":"p4"}
        a < {"type":"ack","id":"p4","success":false,"code":"VERSION_MISMATCH",…"current":null,…}
        a > {"type":"history","channel":"topics/x","id":"h"}
        a < {"type":"history",…"events":[{…"offset":1,"key":"k"},{…"offset":2,"key":"k"}]}
        """);

    [Fact]
    public void Of_several_that_expect_the_same_version_one_is_accepted() => Script.Play("""
        a = relay
        b = relay
        a *
        b *
        a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":0,"data":1,"id":"1"} & {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":0,"data":2,"id":"2"} & {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":1,"data":3,"id":"3"}
        a < {"type":"ack","id":"1","success":true,…"offset":1,…}
        a < {"type":"ack","id":"2","success":false,"code":"VERSION_MISMATCH",…"offset":1…}
        a < {"type":"ack","id":"3","success":true,…"offset":2,…}
        b > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":1,"id":"1b"}
        b < {"type":"ack","id":"1b","success":false,…"offset":2…}
        """, seeds: 20);

    [Fact]
    public void A_version_lasts_while_the_channel_sleeps()
    {
        using var relay = new RelayHarness();
        var script = new Script(relay).Run("""
            a = relay
            a *
            a > {"type":"publish","channel":"topics/x","event":"e","key":"k","data":1,"id":"p1"}
            a < {"type":"ack","id":"p1",…"epoch":"‹e›","offset":1,…}
            +1200s
            """);
        Assert.Equal(1, relay.Archive.Count);
        script.Run("""
            a > {"type":"history","channel":"topics/x","id":"h","key":"k"}
            a < {"type":"history","id":"h","success":true,"channel":"topics/x","epoch":"‹e›","offset":1,"events":[{…"data":1,…"offset":1,"key":"k"}]}
            a > {"type":"publish","channel":"topics/x","event":"e","key":"k","if_version":0,"id":"p2"}
            a < {"type":"ack","id":"p2","success":false,…}
            """);
    }

    [Fact]
    public void Who_asks_for_the_last_of_each_key_gets_them_in_order_and_then_everything_new() => Script.Play("""
        p = relay
        p *
        p > {"type":"publish","channel":"topics/x","event":"e","key":"a","data":1}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"b","data":2}
        p > {"type":"publish","channel":"topics/x","event":"e","data":3}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"a","data":4}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"c","data":5,"ttl":1000}
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","last_per_key":true,"id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":5}
        a < {…"data":2,…"offset":2,"key":"b"}
        a < {…"data":4,…"offset":4,"key":"a"}
        a < {…"data":5,…"offset":5,"key":"c"}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"b","data":6}
        a < {…"data":6,…"offset":6,"key":"b"}
        +2s
        a > {"type":"subscribe","channel":"topics/x","last_per_key":true,"filter":{"events":["e"]},"id":"s2"}
        a < {"type":"ack","id":"s2",…}
        a < {…"offset":4,"key":"a"}
        a < {…"offset":6,"key":"b"}
        a > {"type":"history","channel":"topics/x","last_per_key":true,"id":"h"}
        a < {"type":"history",…"offset":6,"events":[{…"offset":4,"key":"a"},{…"offset":6,"key":"b"}]}
        a > {"type":"history","channel":"topics/x","last_per_key":true,"limit":1,"id":"h"}
        a < {"type":"history",…"offset":6,"events":[{…"offset":4,"key":"a"}]}
        a > {"type":"history","channel":"topics/x","last_per_key":true,"since":{"epoch":"‹e›","offset":4},"id":"h"}
        a < {"type":"history",…"offset":6,"recovered":true,"events":[{…"offset":6,"key":"b"}]}
        a > {"type":"history","channel":"topics/x","last_per_key":true,"since":{"epoch":"00000001","offset":4},"id":"h"}
        a < {"type":"history",…"offset":6,"recovered":false,"events":[{…"offset":4,"key":"a"},{…"offset":6,"key":"b"}]}
        a > {"type":"history","channel":"topics/x","key":"b","id":"h"}
        a < {"type":"history",…"offset":6,"events":[{…"offset":6,"key":"b"}]}
        a > {"type":"history","channel":"topics/x","key":"nobody","id":"h"}
        a < {"type":"history",…"offset":6,"events":[]}
        """, seeds: 10);

    [Fact]
    public void Beside_a_position_the_last_values_come_only_where_it_cannot_be_resumed_from() => Script.Play("""
        p = relay
        p *
        p > {"type":"publish","channel":"topics/x","event":"e","key":"a","data":1,"id":"p"}
        p < {"type":"ack","id":"p",…"epoch":"‹e›","offset":1,…}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"b","data":2}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"b","data":3}
        p > {"type":"publish","channel":"topics/x","event":"e","key":"b","data":4}
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","last_per_key":true,"since":{"epoch":"‹e›","offset":2},"id":"s"}
        a < {"type":"ack","id":"s",…"offset":4,"recovered":true}
        a < {…"data":3,…}
        a < {…"data":4,…}
        a > {"type":"unsubscribe","channel":"topics/x"}
        a > {"type":"subscribe","channel":"topics/x","last_per_key":true,"since":{"epoch":"‹e›","offset":0},"id":"s"}
        a < {"type":"ack","id":"s",…"offset":4,"recovered":false}
        a < {…"data":1,…}
        a < {…"data":4,…}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { HistoryLength = 2 } });

    [Fact]
    public void A_replay_by_time_says_whether_the_history_reaches_back_that_far() => Script.Play("""
        q = relay
        q *
        q > {"type":"subscribe","channel":"topics/x","id":"s"}
        q *
        +10s
        post topics/x e 1
        q < {"id":"…","channel":"topics/x","event":"e","data":1,"timestamp":‹one›,…}
        +1s
        post topics/x e 2
        q < {"id":"…","channel":"topics/x","event":"e","data":2,"timestamp":‹two›,…}
        +1s
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x","since_time":‹two›,"id":"s"}
        a < {"type":"ack","id":"s","success":true,"timestamp":…,"epoch":"‹e›","offset":2,"recovered":true}
        a < {…"data":2,…"offset":2}
        post topics/x e 3
        a < {…"data":3,…"offset":3}
        q *
        a > {"type":"subscribe","channel":"topics/x","since_time":‹one›,"id":"s"}
        a < {"type":"ack","id":"s",…"offset":3,"recovered":false}
        a < {…"data":2,…"offset":2}
        a < {…"data":3,…"offset":3}
        a > {"type":"subscribe","channel":"topics/x","since_time":99999999999999,"id":"s"}
        a < {"type":"ack","id":"s",…"offset":3,"recovered":true}
        a > {"type":"history","channel":"topics/x","since_time":‹two›,"limit":1,"id":"h"}
        a < {"type":"history",…"offset":3,"recovered":true,"events":[{…"offset":2}]}
        a > {"type":"history","channel":"topics/x","since_time":0,"id":"h"}
        a < {"type":"history",…"offset":3,"recovered":false,"events":[{…"offset":2},{…"offset":3}]}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { HistoryLength = 2 } });

    [Fact]
    public void A_range_that_was_missed_is_fetched_exactly_or_told_to_be_gone() => Script.Play("""
        a = relay
        a *
        post topics/x e 1
        post topics/x e 2
        post topics/x e 3
        post topics/x e 4
        post topics/x e 5
        a > {"type":"history","channel":"topics/x","limit":1,"id":"h"}
        a < {"type":"history","id":"h","success":true,"channel":"topics/x","epoch":"‹e›","offset":5,"events":[{…"offset":5}]}
        a > {"type":"history","channel":"topics/x","since":{"epoch":"‹e›","offset":2},"until":4,"id":"h"}
        a < {"type":"history",…"offset":5,"recovered":true,"events":[{…"offset":3},{…"offset":4}]}
        a > {"type":"history","channel":"topics/x","since":{"epoch":"‹e›","offset":0},"until":3,"id":"h"}
        a < {"type":"history",…"offset":5,"recovered":false,"events":[{…"offset":3}]}
        a > {"type":"history","channel":"topics/x","since":{"epoch":"00000001","offset":2},"until":4,"id":"h"}
        a < {"type":"history",…"offset":5,"recovered":false,"events":[]}
        """, new RelaySettings { DefaultNamespace = new NamespaceSettings { HistoryLength = 3 } });

    [Fact]
    public void Each_item_of_a_batch_has_its_own_result_and_items_of_a_channel_keep_their_order() => Script.Play("""
        a = relay
        s = relay
        a *
        s *
        s > {"type":"subscribe","channel":"topics/x","id":"s"}
        s *
        a > {"type":"publish_batch","id":"b1","items":[{"channel":"topics/x","event":"e","data":1,"id":"p1","key":"k"},{"channel":"topics/y","event":"e","data":2},{"channel":"topics/x","event":"e","data":3,"key":"k","if_version":1},{"channel":"topics/x","event":"e","data":4,"key":"k","if_version":1},{"channel":"bad/x","event":"e"},{"channel":"topics/x","event":"e","id":"p1"},7]}
        a < {"type":"ack","id":"b1","success":false,"timestamp":…,"results":[{"success":true,"channel":"topics/x","epoch":"‹x›","offset":1,"duplicate":false,"subscribers":1},{"success":true,"channel":"topics/y","epoch":"‹y›","offset":1,"duplicate":false,"subscribers":0},{"success":true,"channel":"topics/x","epoch":"‹x›","offset":2,"duplicate":false,"subscribers":1},{"success":false,"channel":"topics/x","code":"VERSION_MISMATCH","error":"…","current":{"epoch":"‹x›","offset":2}},{"success":false,"code":"INVALID_CHANNEL","error":"Invalid channel format: bad/x"},{"success":true,"channel":"topics/x","epoch":"‹x›","offset":1,"duplicate":true,"subscribers":1},{"success":false,"code":"PARSE_ERROR","error":"…"}]}
        s < {…"data":1,…"offset":1,"key":"k"}
        s < {…"data":3,…"offset":2,"key":"k"}
        a > {"type":"publish_batch","id":"b2","items":[{"channel":"topics/x","event":"e"}]}
        a < {"type":"ack","id":"b2","success":true,…}
        s *
        a > {"type":"publish_batch","items":[{"channel":"topics/x","event":"e"},{}]}
        s < {…"offset":4}
        a > {"type":"publish_batch","id":"b3","items":[{}]}
        a < {"type":"ack","id":"b3","success":false,"timestamp":…,"results":[{"success":false,"code":"PARSE_ERROR","error":"Failed to parse message"}]}
        """, seeds: 20);

    [Fact]
    public void A_batch_keeps_its_place_among_the_publishes_and_subscribes_of_its_client() => Script.Play("""
        a = relay
        a *
        a > {"type":"subscribe","channel":"topics/x"} & {"type":"publish","channel":"topics/x","event":"e","data":1,"id":"1"} & {"type":"publish_batch","id":"2","items":[{"channel":"topics/x","event":"e","data":2}]} & {"type":"publish","channel":"topics/x","event":"e","data":3,"id":"3"} & {"type":"unsubscribe","channel":"topics/x","id":"4"}
        a < {…"data":1,…"offset":1}
        a < {…"data":2,…"offset":2}
        a < {…"data":3,…"offset":3}
        a < {"type":"ack","id":"1",…}
        a < {"type":"ack","id":"2",…}
        a < {"type":"ack","id":"3",…}
        a < {"type":"ack","id":"4",…}
        """, seeds: 20);

    [Fact]
    public void Without_the_right_to_publish_every_item_is_refused() => Script.Play("""
        a = relay token=good-mute
        a *
        a > {"type":"publish_batch","id":"b","items":[{"channel":"topics/x","event":"e"},{"channel":"bad/x","event":"e"}]}
        a < {"type":"ack","id":"b","success":false,"timestamp":…,"results":[{"success":false,"channel":"topics/x","code":"NOT_AUTHORIZED","error":"Not authorized to publish"},{"success":false,"code":"INVALID_CHANNEL",…}]}
        a > {"type":"history","channel":"topics/x","id":"h"}
        a < {"type":"history",…"offset":0,"events":[]}
        """);
}
