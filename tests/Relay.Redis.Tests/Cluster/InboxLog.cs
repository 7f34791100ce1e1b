using System.Threading.Channels;
using Relay.Cluster.Engine;
using Relay.Redis.Tests.Contract;

namespace Relay.Redis.Tests.Cluster;

/// <summary>What a listener was told, in order: frames as bytes, everything else as words.</summary>
internal sealed class InboxLog : IClusterListener
{
    private readonly Channel<object> _told = Channel.CreateUnbounded<object>();
    private int _inside;

    /// <summary>Whether frames make the listener fail.</summary>
    public bool Throws { get; set; }

    /// <summary>Whether hints are told to the test.</summary>
    public bool WithChanges { get; init; }

    /// <summary>Whether everything that was told has been asked for.</summary>
    public bool IsEmpty => _told.Reader.Count == 0;

    public void OnFrame(ReadOnlySpan<byte> frame)
    {
        Tell(frame.ToArray());
        if (Throws)
            throw new InvalidOperationException("bad listener");
    }

    public void OnChanged(long version)
    {
        if (WithChanges)
            Tell($"changed {version}");
    }

    public void OnInboxLost() => Tell("lost");

    public void OnInboxRestored() => Tell("restored");

    public async Task<byte[]> FrameAsync() => Assert.IsType<byte[]>(await NextAsync());

    public async Task ExpectAsync(params IReadOnlyList<string> words)
    {
        foreach (var word in words)
            Assert.Equal(word, Assert.IsType<string>(await NextAsync()));
    }

    private async Task<object> NextAsync() => await _told.Reader.ReadAsync().AsTask().WaitAsync(Contracts.Patience, TimeProvider.System);

    private void Tell(object what)
    {
        if (Interlocked.Increment(ref _inside) != 1)
            _told.Writer.TryWrite("two threads at a time");
        _told.Writer.TryWrite(what);
        Interlocked.Decrement(ref _inside);
    }
}
