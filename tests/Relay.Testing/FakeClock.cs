namespace Relay.Testing;

/// <summary>A wall clock that a test moves, for processes started with <see cref="Environment"/>. Monotonic time stays true. Of Debian's package <c>faketime</c>.</summary>
public sealed class FakeClock : IDisposable
{
    private readonly TempFolder _folder = new("relay-clock-");
    private readonly string _library;

    /// <exception cref="InvalidOperationException">The library is missing.</exception>
    public FakeClock()
    {
        _library = Directory.EnumerateDirectories("/usr/lib").Select(static folder => Path.Combine(folder, "faketime", "libfaketimeMT.so.1")).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("libfaketime was not found: apt-get install faketime");
        Shift(TimeSpan.Zero);
    }

    private string Offset => _folder.File("offset");

    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["LD_PRELOAD"] = _library,
        ["FAKETIME_TIMESTAMP_FILE"] = Offset,
        ["FAKETIME_CACHE_DURATION"] = "1",

        // Else an idle node takes a whole core: waits on monotonic time come back too early (libfaketime's issue 425; 1.05 s of CPU per second, with this 0.02).
        ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
    };

    /// <summary>The clock is off by so much, within a second from now.</summary>
    public void Shift(TimeSpan by)
    {
        // In one step: the library may read the file at any time.
        var next = _folder.File("next");
        File.WriteAllText(next, $"{by.TotalSeconds:+0;-0;+0}\n");
        File.Move(next, Offset, overwrite: true);
    }

    public void Dispose() => _folder.Dispose();
}
