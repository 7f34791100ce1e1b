namespace Relay.Node.Listeners.Tls;

/// <summary>
/// The TLS of one listener: what new handshakes are made with, exchanged whole when its files have changed. What cannot be used changes nothing. <see cref="Current"/> is for any thread, the
/// rest for one at a time.
/// </summary>
internal sealed partial class ListenerCertificate
{
    private static readonly TimeSpan Reminder = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TlsMetrics _metrics;
    private SettledChange _change;
    private TlsMaterial _current;
    private DateTimeOffset _remindedAt = DateTimeOffset.MinValue;

    /// <exception cref="InvalidOperationException">The files cannot be used.</exception>
    public ListenerCertificate(string listener, TlsFiles files, TlsMetrics metrics, TimeProvider time, ILogger logger)
    {
        Listener = listener;
        Files = files;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _change = new SettledChange(FileDigest.Of(files.All));
        try
        {
            _current = TlsMaterial.Load(files);
        }
        catch (TlsFileException wrong)
        {
            throw new InvalidOperationException($"Listener '{listener}': {wrong.File}: {wrong.Message}", wrong);
        }
    }

    public string Listener { get; }

    public TlsFiles Files { get; private set; }

    /// <summary>For the next handshake.</summary>
    public TlsMaterial Current => Volatile.Read(ref _current);

    /// <summary>Takes files that have changed, and tells of a certificate that ends soon.</summary>
    /// <param name="atOnce">Also files that changed only now; otherwise those that stood still since the last look.</param>
    public void Look(bool atOnce = false)
    {
        var digest = FileDigest.Of(Files.All);
        if (_change.IsSettled(digest) || (atOnce && digest != _change.Known))
        {
            _change.Read(digest);
            TakeFiles();
        }

        Remind();
    }

    /// <summary>Other files, or the same by other rules; throws before anything is changed. The result does it.</summary>
    /// <exception cref="TlsFileException">They cannot be used.</exception>
    public Action Prepare(TlsFiles files)
    {
        if (files == Files)
        {
            return static () => { };
        }

        var next = TlsMaterial.Load(files);
        var digest = FileDigest.Of(files.All);
        return () =>
        {
            Files = files;
            _change = new SettledChange(digest);
            Take(next);
        };
    }

    private void TakeFiles()
    {
        try
        {
            var next = TlsMaterial.Load(Files);
            if (next.Objection(_time.GetUtcNow()) is { } objection && Current.Objection(_time.GetUtcNow()) is null)
            {
                Refuse(Files.Certificate, objection);
                return;
            }

            Take(next);
        }
        catch (TlsFileException wrong)
        {
            Refuse(wrong.File, wrong.Message);
        }
    }

    private void Take(TlsMaterial next)
    {
        Volatile.Write(ref _current, next);
        _remindedAt = DateTimeOffset.MinValue;
        _metrics.Reloaded(Listener, "taken");
        LogTaken(Listener, next.Subject, next.Until.UtcDateTime);
    }

    private void Refuse(string file, string reason)
    {
        _metrics.Reloaded(Listener, "refused");
        LogRefused(Listener, file, reason, Current.Until.UtcDateTime);
    }

    private void Remind()
    {
        var now = _time.GetUtcNow();
        var until = Current.Until;
        if (now < until - Files.WarnBefore || now < _remindedAt + Reminder)
        {
            return;
        }

        _remindedAt = now;
        if (now < until)
        {
            LogEndsSoon(Listener, Files.Certificate, until.UtcDateTime);
        }
        else
        {
            LogEnded(Listener, Files.Certificate, until.UtcDateTime);
        }
    }

    [LoggerMessage(LogLevel.Information, "listener {Listener}: new handshakes take the certificate {Subject}, valid until {Until:yyyy-MM-dd HH:mm}Z")]
    private partial void LogTaken(string listener, string subject, DateTime until);

    [LoggerMessage(LogLevel.Warning, "listener {Listener}: {File} has changed and cannot be used: {Reason}; the certificate valid until {Until:yyyy-MM-dd HH:mm}Z stays")]
    private partial void LogRefused(string listener, string file, string reason, DateTime until);

    [LoggerMessage(LogLevel.Warning, "listener {Listener}: the certificate in {File} ends on {Until:yyyy-MM-dd HH:mm}Z; put a new one in its place, it is taken without a restart")]
    private partial void LogEndsSoon(string listener, string file, DateTime until);

    [LoggerMessage(LogLevel.Error, "listener {Listener}: the certificate in {File} has ended on {Until:yyyy-MM-dd HH:mm}Z; put a new one in its place, it is taken without a restart")]
    private partial void LogEnded(string listener, string file, DateTime until);
}
