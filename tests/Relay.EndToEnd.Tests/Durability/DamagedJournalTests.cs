using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Relay.EndToEnd.Tests.Support;
using Relay.Testing;

namespace Relay.EndToEnd.Tests.Durability;

/// <summary>
/// An embedded journal that somebody or something damaged while no node ran: the start is refused with one line that names the way out, and nothing is touched; or
/// it goes on, where that was wanted, and clients are told.
/// </summary>
public sealed class DamagedJournalTests : IAsyncLifetime, IDisposable
{
    private const string Damaged = "topics/damaged";
    private const string Whole = "topics/whole";
    private const int Events = 300;
    private const int DamagedOffset = 150;
    private const int PageBytes = 4096;

    private readonly TempFolder _folder = new();
    private int _published;
    private string _damagedEpoch = "";
    private string _wholeEpoch = "";

    private string Journal => _folder.File("journal.db");

    private NodeStart Start => NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Storage:Path", _folder.Path));

    public async Task InitializeAsync()
    {
        await using var node = await NodeProcess.StartAsync(Start);
        _damagedEpoch = await PublishAsync(node, Damaged);
        _wholeEpoch = await PublishAsync(node, Whole);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a bit of a record", "damaged records, the first is record 150 of 'topics/damaged'", "Relay:Storage:DropDamagedTails=true")]
    [InlineData("a page of zeros", "damaged", "restore a backup")]
    [InlineData("a cut", "is cut off", "restore a backup")]
    [InlineData("another version", "has version 2, this program knows version 1", "start the version that wrote it")]
    public async Task A_damaged_journal_refuses_the_start_names_the_way_out_and_stays_as_it_is(string damage, string problem, string wayOut)
    {
        Change(damage);
        var before = await ContentAsync();
        var (code, log) = await NodeProcess.RunAsync(Start);
        Assert.Equal(1, code);
        var line = Assert.Single(log.Split('\n'));
        Assert.StartsWith("cannot start: ", line, StringComparison.Ordinal);
        Assert.Contains(problem, line, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed. Way out: ", line, StringComparison.Ordinal);
        Assert.Contains(wayOut, line, StringComparison.Ordinal);
        Assert.Equal(before, await ContentAsync());
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_refuses_the_start_and_names_the_way_out()
    {
        var (code, log) = await NodeProcess.RunAsync(NodeStart.With(("Namespaces:topics:Durability", "sql"), ("Storage:Path", Path.Combine(Journal, "data"))));
        Assert.Equal(1, code);
        Assert.Contains("make the folder writable for the user the node runs as, or set Relay:Storage:Path", Assert.Single(log.Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tail_that_may_be_dropped_is_dropped_loudly_and_whoever_was_behind_it_is_told()
    {
        Change("a bit of a record");
        await using var node = await NodeProcess.StartAsync(Start.Or(("Storage:DropDamagedTails", "true")));
        await node.SaysAsync($"crit: Relay.Storage.Journals.Sqlite.SqliteJournal[85] Journal {_folder.Path} (Relay:Storage:Path): stream {Damaged} is damaged at record {DamagedOffset}");
        await using var client = await node.NativeAsync();

        var lost = await client.SubscribeAsync(Damaged, Since(_damagedEpoch, Events));
        Assert.False(lost.GetProperty("recovered").GetBoolean());
        Assert.NotEqual(_damagedEpoch, lost.Text("epoch"), StringComparer.Ordinal);
        Assert.Equal(DamagedOffset - 1, lost.Number("offset"));
        Assert.Equal(DamagedOffset - 1, (await node.GetAsync($"/api/v1/history?channel={Damaged}&limit=1000")).Json.GetProperty("events").GetArrayLength());

        var kept = await client.SubscribeAsync(Whole, Since(_wholeEpoch, Events));
        Assert.True(kept.GetProperty("recovered").GetBoolean());
        Assert.Equal((_wholeEpoch, Events), (kept.Text("epoch"), kept.Number("offset")));
        Assert.NotEqual(_damagedEpoch, await PublishAsync(node, Damaged), StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_log_that_lost_its_end_is_told_loudly_and_to_every_subscriber()
    {
        await using (var dying = await NodeProcess.StartAsync(Start))
        {
            Assert.Equal(_damagedEpoch, await PublishAsync(dying, Damaged));
            await dying.KillAsync();
        }

        using (var log = new FileStream(_folder.File("journal.db-wal"), FileMode.Open))
        {
            log.SetLength(log.Length / 2);
        }

        await using var node = await NodeProcess.StartAsync(Start);
        await node.SaysAsync($"crit: Relay.Storage.Journals.Sqlite.SqliteJournal[83] Journal {_folder.Path} (Relay:Storage:Path) has lost its tail");
        await using var client = await node.NativeAsync();
        var lost = await client.SubscribeAsync(Damaged, Since(_damagedEpoch, 2 * Events));
        Assert.False(lost.GetProperty("recovered").GetBoolean());
        Assert.NotEqual(_damagedEpoch, lost.Text("epoch"), StringComparer.Ordinal);
    }

    private static string Since(string epoch, int offset) => $$""","since":{"epoch":"{{epoch}}","offset":{{offset}} }""";

    private static string Body(string channel, int number) => $"{channel} event {number.ToString("D4", CultureInfo.InvariantCulture)}";

    // Returns the epoch.
    private async Task<string> PublishAsync(NodeProcess node, string channel)
    {
        await using var client = await node.NativeAsync();
        for (var i = 1; i <= Events; i++)
        {
            await client.SendAsync($$"""{"type":"publish","channel":"{{channel}}","event":"message.new","id":"{{++_published}}","data":{{JsonSerializer.Serialize(Body(channel, i))}}}""");
        }

        JsonElement ack = default;
        for (var i = 1; i <= Events; i++)
        {
            ack = await client.NextJsonAsync();
            Assert.True(ack.GetProperty("success").GetBoolean(), ack.GetRawText());
        }

        return ack.Text("epoch")!;
    }

    private void Change(string damage)
    {
        var bytes = File.ReadAllBytes(Journal);
        var record = bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(Body(Damaged, DamagedOffset)));
        Assert.True(record > 0);
        switch (damage)
        {
            case "a bit of a record":
                bytes[record] ^= 1;
                break;
            case "a page of zeros":
                bytes.AsSpan(record / PageBytes * PageBytes, PageBytes).Clear();
                break;
            case "a cut":
                bytes = bytes[..^(PageBytes + 1)];
                break;
            default:
                // user_version, sqlite.org/fileformat.html 1.3.
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(60), 2);
                break;
        }

        File.WriteAllBytes(Journal, bytes);
    }

    private async Task<(string Journal, string Mark)> ContentAsync() =>
        (Convert.ToHexString(await File.ReadAllBytesAsync(Journal)), Convert.ToHexString(await File.ReadAllBytesAsync(_folder.File("journal.mark"))));
}
