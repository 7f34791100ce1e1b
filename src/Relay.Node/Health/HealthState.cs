using System.Collections.Immutable;

namespace Relay.Node.Health;

/// <summary>
/// Whether this node can do its work: guarantees.md 11. Each part the work depends on reports under its name; the node is ready while every
/// part is well. Thread-safe: readers take an immutable snapshot, writers replace it whole.
/// </summary>
public sealed class HealthState
{
    private ImmutableSortedDictionary<string, string?> _parts = ImmutableSortedDictionary<string, string?>.Empty.WithComparers(StringComparer.Ordinal);

    private ImmutableSortedDictionary<string, string> _impairments = ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);

    /// <summary>Name of the part that stands for the node itself: starting, running, leaving.</summary>
    public const string Node = "node";

    /// <summary>All parts and, for those that are not well, the reason (null = well).</summary>
    public ImmutableSortedDictionary<string, string?> Parts => Volatile.Read(ref _parts);

    /// <summary>True when there is at least one part and all are well.</summary>
    public bool IsReady => Parts is { IsEmpty: false } parts && parts.Values.All(reason => reason is null);

    /// <summary>The part is well.</summary>
    /// <returns>True when it was not, or not known: the moment to log it.</returns>
    public bool Ok(string part) => Set(part, null);

    /// <summary>The part is not well, or not yet.</summary>
    /// <param name="part">E.g. <c>redis</c>.</param>
    /// <param name="reason">For people, without secrets: it is shown by <c>/ready</c> to anyone.</param>
    /// <returns>True when this is news: the moment to log it.</returns>
    public bool Fail(string part, string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return Set(part, reason);
    }

    /// <summary>What is not as it should be without making this node worse than the others, by part: told, and no reason to send clients elsewhere.</summary>
    public ImmutableSortedDictionary<string, string> Impairments => Volatile.Read(ref _impairments);

    /// <summary>The part does less than it should, and so it does on every node; null = it does all again. Whether it is well is another question.</summary>
    /// <param name="part">E.g. <c>journal-redis-b</c>.</param>
    /// <param name="reason">As for <see cref="Fail"/>.</param>
    public void Impair(string part, string? reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(part);
        ImmutableInterlocked.Update(
            ref _impairments,
            static (all, entry) => entry.Reason is null ? all.Remove(entry.Part) : all.SetItem(entry.Part, entry.Reason),
            (Part: part, Reason: reason));
    }

    /// <summary>The part no longer exists and says nothing about the node.</summary>
    public void Remove(string part) => ImmutableInterlocked.Update(ref _parts, static (parts, name) => parts.Remove(name), part);

    private bool Set(string part, string? reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(part);
        return ImmutableInterlocked.Update(ref _parts, static (parts, entry) => parts.SetItem(entry.Part, entry.Reason), (Part: part, Reason: reason));
    }
}
