namespace Relay.Node.Auth;

/// <summary>
/// The keys that are believed now: those of the configuration, and those fetched last. When a token names a key that is not there, whoever fetches is asked to look, but not
/// more often than every <paramref name="pause"/>: tokens are strangers' texts. Thread-safe.
/// </summary>
/// <param name="configured">Those of the configuration; see <see cref="Configure"/>.</param>
/// <param name="fetches">Whether a set of keys is fetched besides.</param>
/// <param name="pause">Between a fetch and one that a token asks for.</param>
/// <param name="time">Clock.</param>
internal sealed class KeyRing(IReadOnlyList<SigningKey> configured, bool fetches, TimeSpan pause, TimeProvider time)
{
    private IReadOnlyList<SigningKey> _configured = configured;
    private readonly SemaphoreSlim _wanted = new(0);
    private readonly Lock _gate = new();
    private SigningKey[] _keys = [.. configured];
    private IReadOnlyList<SigningKey> _fetched = [];
    private long _fetchedAt;
    private int _state = fetches ? Never : Idle;

    private const int Idle = 0;
    private const int Wanted = 1;
    private const int Failing = 2;
    private const int Never = 3;

    /// <summary>All keys.</summary>
    public IReadOnlyList<SigningKey> Keys => Volatile.Read(ref _keys);

    /// <summary>True until a set was fetched for the first time, and while one is fetched because a token asked for it.</summary>
    public bool AwaitsKeys => Volatile.Read(ref _state) is Wanted or Never;

    /// <summary>A token names a key that is not there.</summary>
    public void Miss()
    {
        // While fetching fails its own back-off counts, and what is known goes on being believed.
        if (fetches && time.GetElapsedTime(Volatile.Read(ref _fetchedAt)) >= pause && Interlocked.CompareExchange(ref _state, Wanted, Idle) == Idle)
        {
            _wanted.Release();
        }
    }

    /// <summary>A set was fetched: its keys take the place of those fetched before.</summary>
    public void Fetched(IReadOnlyList<SigningKey> keys)
    {
        lock (_gate)
        {
            _fetched = keys;
            Volatile.Write(ref _keys, [.. _configured, .. _fetched]);
        }

        Volatile.Write(ref _fetchedAt, time.GetTimestamp());
        Volatile.Write(ref _state, Idle);
    }

    /// <summary>The configuration names others: they take the place of those before, beside those fetched.</summary>
    public void Configure(IReadOnlyList<SigningKey> keys)
    {
        lock (_gate)
        {
            _configured = keys;
            Volatile.Write(ref _keys, [.. _configured, .. _fetched]);
        }
    }

    /// <summary>It could not be fetched: the keys known stay.</summary>
    public void Failed() => Interlocked.Exchange(ref _state, Volatile.Read(ref _state) == Never ? Never : Failing);

    /// <summary>Completes after <paramref name="longest"/>, or when a token asks.</summary>
    public async Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await _wanted.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Its time has come without being asked.
        }
    }
}
