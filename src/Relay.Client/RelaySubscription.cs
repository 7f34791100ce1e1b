using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;

namespace Relay.Client;

/// <summary>
/// What comes to one channel or pattern, for one reader: <c>await foreach (var item in subscription)</c>. Outlives every reconnect; ends with <see cref="DisposeAsync"/>, with its client, or with what the
/// relay refused. Everything but the reader's side happens under the client's lock.
/// </summary>
public sealed class RelaySubscription : IAsyncEnumerable<RelayItem>, IAsyncDisposable
{
    private readonly RelayClient _client;
    private readonly SubscribeOptions _options;
    private readonly int _most;
    private readonly Channel<RelayItem> _items = System.Threading.Channels.Channel.CreateUnbounded<RelayItem>();
    private readonly Progress _progress = new();
    private RelayPlace? _from;

    internal RelaySubscription(RelayClient client, string channel, SubscribeOptions options, int most)
    {
        (_client, Channel, _options, _most) = (client, channel, options, most);
        if (options.Since is { } since)
        {
            _progress.Begin(channel, since);
        }
    }

    /// <summary>The channel or pattern.</summary>
    public string Channel { get; }

    internal bool IsPattern => Pattern.Is(Channel);

    /// <summary>Whether the relay has acked it on some connection.</summary>
    internal bool IsKnown { get; private set; }

    /// <summary>Whether what came since is to be asked for again, since nobody took what was there.</summary>
    internal bool IsBehind { get; private set; }

    internal RelayPlace? Place => IsPattern ? null : _progress.At(Channel);

    /// <inheritdoc/>
    public async IAsyncEnumerator<RelayItem> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        while (await _items.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (_items.Reader.TryRead(out var item))
            {
                if (IsBehind && _items.Reader.Count <= _most / 2)
                {
                    _client.CatchUp(this);
                }

                yield return item;
            }
        }
    }

    /// <summary>Only the events; gaps are left out.</summary>
    public async IAsyncEnumerable<RelayEvent> EventsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var item in this.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            if (item is RelayEvent one)
            {
                yield return one;
            }
        }
    }

    /// <summary>Unsubscribes. What has come is still brought.</summary>
    public ValueTask DisposeAsync()
    {
        _client.Unsubscribe(this);
        return ValueTask.CompletedTask;
    }

    internal byte[] Frame() => Frames.Subscribe(Channel, _options, IsPattern ? null : Place ?? _from, wish: !IsKnown || !IsPattern);

    internal void Began(JsonElement ack)
    {
        var asked = Place ?? _from;
        var wasKnown = IsKnown;
        (IsKnown, IsBehind) = (true, false);
        if (IsPattern)
        {
            if (wasKnown)
            {
                Put(new RelayGap(Channel, null, 0, 0));
            }

            return;
        }

        var place = ack.Place() ?? new RelayPlace("", 0);
        if (asked is null)
        {
            if (!_options.WantsHistory || place.Offset == 0)
            {
                _progress.Begin(Channel, place);
            }
            else if (_options.Last is { } last)
            {
                // Until its first event is there: what a reconnect must not leave out.
                _from = place with { Offset = Math.Max(0, place.Offset - last) };
            }
        }
        else if (ack.Flag("recovered") == false)
        {
            Miss(new RelayGap(Channel, place.Epoch, asked.Value.Epoch == place.Epoch ? asked.Value.Offset + 1 : 1, place.Offset));
        }
    }

    internal void Take(RelayEvent one)
    {
        if (IsBehind)
        {
            return;
        }

        if (_items.Reader.Count >= _most)
        {
            // Reading on keeps answers coming; what is left out here is asked for again.
            IsBehind = true;
        }
        else if (_progress.Takes(one))
        {
            Put(one);
        }
    }

    internal void Miss(RelayGap gap)
    {
        if (!IsBehind && _progress.Skips(gap))
        {
            Put(gap);
        }
    }

    /// <summary>A pattern cannot ask for what it left out.</summary>
    internal void GoOn()
    {
        IsBehind = false;
        Put(new RelayGap(Channel, null, 0, 0));
    }

    internal void End(Exception? failure) => _items.Writer.TryComplete(failure);

    private void Put(RelayItem item) => _items.Writer.TryWrite(item);
}
