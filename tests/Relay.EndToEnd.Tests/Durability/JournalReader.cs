using Relay.EndToEnd.Tests.Support;
using Relay.History;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>Reads all that a node has of a channel, over HTTP.</summary>
internal static class JournalReader
{
    /// <summary>The most that <c>GET /api/v1/history</c> gives at once.</summary>
    private const int Page = 1000;

    /// <summary>Records the content; returns the head.</summary>
    public static async Task<Place> RecordAsync(NodeProcess node, string channel, HistoryRecorder recorder)
    {
        var newest = (await node.GetAsync($"/api/v1/history?channel={channel}&limit=1")).Json;
        var head = new Place(newest.Text("epoch")!, newest.Number("offset"));
        recorder.Add(new JournalRead(channel, head, First: 1));
        var read = new Place(head.Epoch, 0);
        while (read.Offset < head.Offset)
        {
            var answer = await node.GetAsync($"/api/v1/history?channel={channel}&limit={Page}&since={read}");
            Assert.Equal(200, answer.Status);
            var events = answer.Json.GetProperty("events").EnumerateArray().ToList();
            var before = read;
            foreach (var one in events)
            {
                read = new Place(one.Text("epoch")!, one.Number("offset"));
                recorder.Add(new Stored(channel, read, one.GetProperty("data").Text("id")!, one.Raw("data")));
            }

            if (read.Offset <= before.Offset)
            {
                // What is missing then is the checker's finding.
                break;
            }
        }

        return head;
    }
}
