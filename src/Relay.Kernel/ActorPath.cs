namespace Relay.Kernel;

/// <summary>
/// Position of an actor: <c>actor://system/user/parent/child</c>. Names may hold any character (an entity's id is its name);
/// <see cref="ToString"/> escapes <c>/</c> and <c>%</c>, so two different paths never print alike.
/// </summary>
/// <param name="Parent">The parent's path; null for the root, whose name is the system's.</param>
/// <param name="Name">Unescaped name.</param>
public sealed record ActorPath(ActorPath? Parent, string Name)
{
    /// <summary>Path of a child.</summary>
    public static ActorPath operator /(ActorPath parent, string name) => new(parent, name);

    /// <summary>Path of a child; the operator's name for languages without operators.</summary>
    public static ActorPath Divide(ActorPath parent, string name) => new(parent, name);

    /// <inheritdoc/>
    public override string ToString() => Parent is null ? "actor://" + Name : Parent + "/" + Escape(Name);

    private static string Escape(string name) => name.AsSpan().IndexOfAny('/', '%') < 0
        ? name
        : name.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal);
}
