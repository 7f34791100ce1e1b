using Relay.Node.Listeners.Tls;

namespace Relay.Node.Tests.Listeners;

public sealed class SettledChangeTests
{
    [Fact]
    public void A_change_counts_once_it_stands_still()
    {
        var change = new SettledChange("a");
        Assert.False(change.IsSettled("a"));
        Assert.False(change.IsSettled("b"));
        Assert.False(change.IsSettled("c"));
        Assert.True(change.IsSettled("c"));
        Assert.False(change.IsSettled("c"));
    }

    [Fact]
    public void A_change_that_was_taken_back_or_read_already_counts_not()
    {
        var change = new SettledChange("a");
        Assert.False(change.IsSettled("b"));
        Assert.False(change.IsSettled("a"));
        Assert.False(change.IsSettled("a"));
        change.Read("d");
        Assert.False(change.IsSettled("d"));
    }

    [Fact]
    public void Files_differ_by_what_they_hold_and_whether_they_are_there()
    {
        using var folder = new Relay.Testing.TempFolder("relay-digest-");
        var file = folder.File("one");
        var missing = FileDigest.Of([file]);
        File.WriteAllText(file, "1");
        var time = File.GetLastWriteTimeUtc(file);
        var first = FileDigest.Of([file]);
        File.WriteAllText(file, "2");
        File.SetLastWriteTimeUtc(file, time);
        Assert.Equal(3, new[] { missing, first, FileDigest.Of([file]) }.Distinct(StringComparer.Ordinal).Count());
    }
}
