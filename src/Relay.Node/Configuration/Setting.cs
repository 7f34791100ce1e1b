namespace Relay.Node.Configuration;

/// <summary>One documented key: a row of <c>--help</c> and of docs/configuration.md.</summary>
/// <param name="Pattern">Without <c>Relay:</c>; names in braces stand for one section, e.g. <c>Listeners:{name}:Url</c>.</param>
/// <param name="Kind">What the value looks like.</param>
/// <param name="Default">As it could be configured; empty for "not set".</param>
/// <param name="Meaning">One sentence.</param>
public sealed record Setting(string Pattern, string Kind, string Default, string Meaning)
{
    /// <summary>Whether a change takes effect without a restart.</summary>
    public bool IsLive => Live.LiveKeys.IsLive(Pattern);

    /// <summary>The section a key belongs to, e.g. <c>Listeners</c>.</summary>
    public string Section => Pattern[..Pattern.IndexOf(':', StringComparison.Ordinal)];
}
