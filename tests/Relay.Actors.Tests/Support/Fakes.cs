using Microsoft.Extensions.Logging;
using Relay.Actors.Channels;
using Relay.Actors.Connections;

namespace Relay.Actors.Tests;

/// <summary>Knows tokens of the form <c>good-NAME</c>, and <c>good-deaf</c> that may not subscribe, <c>good-mute</c> that may not publish.</summary>
internal sealed class FakeAuthenticator : IAuthenticator
{
    public bool IsRequired { get; set; }

    public Principal? Verify(string credential) =>
        credential.StartsWith("good-", StringComparison.Ordinal) ? new Principal(credential["good-".Length..], true)
        {
            MayPublish = credential != "good-mute",
            MaySubscribe = credential != "good-deaf",
        } : null;
}

/// <summary>Keeps every state until it is told to forget.</summary>
internal sealed class FakeArchive : IChannelArchive
{
    private readonly Dictionary<string, ChannelState> _states = new(StringComparer.Ordinal);

    public int Count => _states.Count;

    public void Forget() => _states.Clear();

    public ChannelState? Take(string channel)
    {
        lock (_states)
        {
            return _states.Remove(channel, out var state) ? state : null;
        }
    }

    public IReadOnlyList<(string Channel, ChannelState State)> TakeAll(Func<string, bool> isWanted)
    {
        lock (_states)
        {
            var taken = _states.Where(one => isWanted(one.Key)).Select(static one => (one.Key, one.Value)).ToList();
            taken.ForEach(one => _states.Remove(one.Key));
            return taken;
        }
    }

    public IReadOnlyList<string> Names(Func<string, bool> isWanted)
    {
        lock (_states)
        {
            return [.. _states.Keys.Where(isWanted)];
        }
    }

    public bool TryRead(string channel, Action<ChannelState> read)
    {
        lock (_states)
        {
            if (!_states.TryGetValue(channel, out var state))
            {
                return false;
            }

            read(state);
            return true;
        }
    }

    public void Put(string channel, ChannelState state)
    {
        lock (_states)
        {
            _states[channel] = state;
        }
    }
}

/// <summary>Keeps what the relay logs: failures of actors.</summary>
internal sealed class RecordingLog : ILoggerFactory, ILogger
{
    public List<string> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
        // There is only this one.
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    // Below that is what clients do, not what fails.
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Add(formatter(state, exception) + " " + exception);

    public void Dispose()
    {
        // Holds nothing.
    }
}
