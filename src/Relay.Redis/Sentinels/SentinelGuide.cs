namespace Relay.Redis.Sentinels;

/// <summary>
/// Leads one supervised connection to the primary. A turn is one connect with all that follows until the next; it is cut short when a Sentinel says that the primary is
/// another server, whatever the supervisor is doing at the moment: asking, connecting, serving or pausing.
/// </summary>
internal sealed class SentinelGuide(SentinelDirectory directory) : IDisposable
{
    private readonly Lock _gate = new();
    private CancellationTokenSource? _turn;
    private SentinelAnswer? _announced;
    private SentinelAnswer? _target;
    private string _why = "";

    /// <summary>Why the last turn was cut short.</summary>
    public RedisException Moved
    {
        get
        {
            lock (_gate)
                return new RedisException(RedisErrorKind.Unavailable, _why);
        }
    }

    public void Join() => directory.Join(this);

    public ValueTask LeaveAsync() => directory.LeaveAsync(this);

    /// <summary>Begins a turn.</summary>
    public CancellationToken Begin(CancellationToken ending)
    {
        lock (_gate)
        {
            _turn?.Dispose();
            _turn = CancellationTokenSource.CreateLinkedTokenSource(ending);
            _target = null;
            return _turn.Token;
        }
    }

    /// <summary>Where to connect to in this turn: what was announced, else what a Sentinel says when asked.</summary>
    /// <exception cref="OperationCanceledException">The turn is over.</exception>
    public async Task<RedisEndpoint> FindAsync(CancellationToken turn)
    {
        if (TakeAnnounced(turn) is { } announced)
            return announced.Primary;
        var answer = await directory.FindAsync(turn);
        lock (_gate)
        {
            turn.ThrowIfCancellationRequested();
            _target = answer;
        }

        return answer.Primary;
    }

    /// <summary>The failure of a connect as it is told: with the one who named the server.</summary>
    public RedisException Failed(RedisException error)
    {
        if (_target is not { } target)
            return error;
        directory.Distrust(target.Sentinel);
        return new RedisException(
            error.Kind, $"{error.Message} ({target.Primary} is the primary '{directory.Name}' according to the Sentinel at {directory.At(target.Sentinel)})", error, error.Code);
    }

    public void Announce(SentinelAnswer answer)
    {
        lock (_gate)
        {
            if (_target?.Primary == answer.Primary)
                return;
            _announced = answer;
            End($"the Sentinel at {directory.At(answer.Sentinel)} says that {answer.Primary} is the primary '{directory.Name}' now");
        }
    }

    public void Demote(RedisEndpoint former)
    {
        lock (_gate)
        {
            if (_target?.Primary == former)
                End($"{former} has become a replica");
        }
    }

    /// <summary>The connection of this turn was told that its server is a replica.</summary>
    public void TellDemoted(RedisEndpoint former) => directory.Demote(former);

    public void Dispose()
    {
        lock (_gate)
        {
            _turn?.Dispose();
            _turn = null;
        }
    }

    private SentinelAnswer? TakeAnnounced(CancellationToken turn)
    {
        lock (_gate)
        {
            turn.ThrowIfCancellationRequested();
            _target = _announced;
            _announced = null;
            return _target;
        }
    }

    private void End(string why)
    {
        _why = why;

        // What the supervisor does then must not happen on the thread that reads from the Sentinel.
        _ = _turn?.CancelAsync();
    }
}
