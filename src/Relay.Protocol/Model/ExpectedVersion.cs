namespace Relay.Protocol;

/// <summary>
/// What a versioned publish expects of its key: <c>if_version</c> of the native protocol. The version of a key is the position of the newest event published
/// with it on that channel. Immutable.
/// </summary>
/// <param name="Epoch">The channel's life; none = whichever it is in.</param>
/// <param name="Offset">Offset of the event that must be the key's newest; 0 = the key must have no value.</param>
public sealed record ExpectedVersion(Epoch Epoch, long Offset)
{
    /// <summary>The key must have no value.</summary>
    public static ExpectedVersion NoValue { get; } = new(default, 0);

    /// <summary>True when a key at <paramref name="current"/> (offset 0 = without a value) is as expected.</summary>
    public bool IsMetBy(StreamPosition current) => Offset == current.Offset && (Offset == 0 || Epoch.IsNone || Epoch == current.Epoch);
}
