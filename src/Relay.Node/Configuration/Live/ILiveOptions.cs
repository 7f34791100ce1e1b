namespace Relay.Node.Configuration.Live;

/// <summary>A part of the node whose options can be exchanged while it runs.</summary>
internal interface ILiveOptions
{
    /// <summary>
    /// Makes ready for <paramref name="next"/>, which was checked, and changes nothing yet: what can fail, such as reading a file, is done here. The result changes it and cannot fail. All
    /// parts are ready before one is changed.
    /// </summary>
    /// <exception cref="InvalidOperationException">It cannot be done; the text says why.</exception>
    Action Prepare(RelayOptions next);
}

/// <summary>A part made of one function.</summary>
internal sealed class LivePart(Func<RelayOptions, Action> prepare) : ILiveOptions
{
    public Action Prepare(RelayOptions next) => prepare(next);
}
