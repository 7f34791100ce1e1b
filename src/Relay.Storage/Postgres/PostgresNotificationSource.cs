using System.Text;
using Microsoft.Extensions.Logging;
using Npgsql;
using Relay.Actors.Bridges;
using Relay.Actors.Channels;
using Relay.Protocol;

namespace Relay.Storage.Postgres;

/// <summary>
/// Events of a database by <c>NOTIFY</c>: protocols.md, <c>context</c>, database bridge. Payload <c>{"channel","event","data","timestamp"}</c>, delivered to the channel
/// and, if that is another, to <c>global</c>, in the order of the commits. A payload that the database had to cut to <c>{"id":…,"truncated":true}</c> passes like any other.
/// </summary>
/// <remarks>
/// NOTIFY reaches who listens at that moment and nobody else: what is notified while the connection is away is lost, and health and log say so. Nothing is ever
/// sent twice. Whoever must not lose anything writes to the outbox (<see cref="OutboxSource"/>). Back-pressure: with <see cref="MaxOutstanding"/> events unanswered the
/// connection is not read; PostgreSQL then keeps the notifications in its queue (8 GB).
/// </remarks>
public sealed partial class PostgresNotificationSource : IAsyncDisposable
{
    /// <summary>Name of this source in metrics and logs.</summary>
    public const string SourceName = "postgres-notify";

    /// <summary>Events on their way to their channels.</summary>
    public const int MaxOutstanding = 64;

    // A connection that says nothing for so long is asked for a sign of life, by a statement with a time-out.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(5);

    private readonly string _channel;
    private readonly BridgeServices _services;
    private readonly BridgeWindow _window;
    private readonly BridgeHealth _health;
    private readonly PostgresLoop _loop;
    private readonly ILogger _log;
    private readonly FeedSharing? _sharing;
    private readonly List<BridgeItem> _arrived = [];
    private TimeSpan _saidAt;
    private int _failing;

    /// <param name="connectionString">Npgsql's.</param>
    /// <param name="channel">What to LISTEN on; an identifier, quoted here.</param>
    /// <param name="services">The way into the relay and the surroundings.</param>
    /// <param name="health">Told null when notifications are received, else the reason. Must not block.</param>
    /// <param name="sharing">With other nodes; null = this node is alone.</param>
    public PostgresNotificationSource(string connectionString, string channel, BridgeServices services, Action<string?> health, FeedSharing? sharing = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        _sharing = sharing;
        _channel = channel;
        _services = services;
        _health = new BridgeHealth(health);
        _log = services.Loggers.CreateLogger<PostgresNotificationSource>();
        _window = new BridgeWindow(services.Tell, MaxOutstanding, Accepted, Failed);
        _loop = new PostgresLoop(connectionString, SourceName, $"notifications on {channel} meanwhile are lost", ServeAsync, services, _health);
    }

    private TimeSpan Now => _services.Time.GetElapsedTime(0);

    /// <summary>Begins to connect; returns at once.</summary>
    public void Start() => _loop.Start();

    /// <summary>Stops listening and waits, at most 5 s, until the relay has answered for what was received.</summary>
    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        try
        {
            await _window.DrainAsync().WaitAsync(StopBound, _services.Time);
        }
        catch (TimeoutException)
        {
            LogNotEnded(StopBound.TotalSeconds);
        }
    }

    private async Task ServeAsync(NpgsqlConnection connection, Action well, CancellationToken stopping)
    {
        _arrived.Clear();
        _sharing?.Feed.Interrupted();
        connection.Notification += (_, notification) => Take(notification.Channel, notification.Payload);
        await ExecuteAsync(connection, "LISTEN " + PostgresName.Quote(_channel), stopping);
        if (_sharing is not null)
        {
            // Behind the other: between the two there is no mark yet, and so no number that other nodes do not have.
            await ExecuteAsync(connection, "LISTEN " + PostgresName.Quote(_sharing.Marks), stopping);
        }

        well();
        while (true)
        {
            if (_sharing is not null)
            {
                await SayMarkAsync(connection, _sharing, stopping);
            }

            // What came with the answer to a statement does not wait for more to come.
            if (_arrived.Count == 0 && !await connection.WaitAsync(_sharing is null ? Silence : SharedFeed.MarkInterval, stopping) && _sharing is null)
            {
                await ExecuteAsync(connection, "SELECT 1", stopping);
            }

            await SendAsync(stopping);
            _arrived.Clear();
        }
    }

    private async ValueTask SendAsync(CancellationToken stopping)
    {
        if (_sharing is null)
        {
            foreach (var item in _arrived)
            {
                await _window.SendAsync([item], stopping);
            }
        }
        else if (_arrived.Count > 0)
        {
            var number = _sharing.Feed.Begin();
            await _window.SendAsync([.. _arrived], stopping, accepted => _sharing.Feed.Settled(number, accepted, Now));
        }
    }

    private async Task SayMarkAsync(NpgsqlConnection connection, FeedSharing sharing, CancellationToken stopping)
    {
        if (Now - _saidAt < SharedFeed.MarkInterval)
        {
            return;
        }

        _saidAt = Now;
        await using var say = new NpgsqlCommand("SELECT pg_notify($1, $2)", connection)
        {
            Parameters = { new() { Value = sharing.Marks }, new() { Value = Encoding.UTF8.GetString(sharing.Feed.NextMark(Now)) } },
        };
        await say.ExecuteNonQueryAsync(stopping);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private void Take(string channel, string payload)
    {
        if (_sharing is not null && string.Equals(channel, _sharing.Marks, StringComparison.Ordinal))
        {
            _sharing.Feed.Mark(Encoding.UTF8.GetBytes(payload), Now, _arrived);
            return;
        }

        BridgeItem? item = null;
        if (DatabaseNotification.TryParse(Encoding.UTF8.GetBytes(payload), out var notification, out var fault))
        {
            item = new BridgeItem(notification.Channels, new PublishItem { Event = notification.Event, Data = notification.Data });
        }
        else
        {
            _services.Faults.Report(SourceName, fault);
        }

        if (_sharing is not null)
        {
            _sharing.Feed.Hear(item, payload.Length, Now, _arrived);
        }
        else if (item is not null)
        {
            _arrived.Add(item);
        }
    }

    private void Accepted(int messages)
    {
        _services.Metrics.Accepted(SourceName, messages);
        if (Interlocked.Exchange(ref _failing, 0) == 1)
        {
            _health.Set("relay", null);
        }
    }

    private void Failed(int messages, Exception error)
    {
        _services.Metrics.Unconfirmed(SourceName, messages);
        if (Interlocked.Exchange(ref _failing, 1) == 0)
        {
            _health.Set("relay", $"database events are not accepted in time by their channels: {error.Message}");
            LogUnconfirmed(messages, error.Message);
        }
    }

    [LoggerMessage(EventId = 64, Level = LogLevel.Error,
        Message = "{Count} database events were not confirmed by their channels and are not sent again: {Reason}; further ones are only counted until one is confirmed")]
    private partial void LogUnconfirmed(int count, string reason);

    [LoggerMessage(EventId = 65, Level = LogLevel.Error, Message = "The relay did not answer for the last database events within {Seconds} s")]
    private partial void LogNotEnded(double seconds);
}
