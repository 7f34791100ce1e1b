namespace Relay.Node.Configuration;

/// <summary>How the node notices that its files have changed.</summary>
public sealed record ReloadOptions
{
    /// <summary>Between two looks at them; zero = only on SIGHUP.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    internal static ReloadOptions Read(SettingReader reader) => new()
    {
        Interval = reader.Read("Reload:Interval", Kinds.DurationOrNone(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)), new ReloadOptions().Interval, "How often the node looks whether appsettings.json, key files or certificates have changed; 0 = only on SIGHUP."),
    };
}
