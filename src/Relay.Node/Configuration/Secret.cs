using System.Security.Cryptography;
using System.Text;

namespace Relay.Node.Configuration;

/// <summary>A text that no log, help text or error message may carry: whatever prints it prints <c>***</c>.</summary>
public sealed class Secret : IEquatable<Secret>
{
    /// <summary>What is shown instead.</summary>
    public const string Mask = "***";

    private readonly string _text;

    /// <summary>Wraps <paramref name="text"/>.</summary>
    public Secret(string text) => _text = text;

    /// <summary>No secret.</summary>
    public static Secret None { get; } = new("");

    /// <summary>True when nothing was configured.</summary>
    public bool IsEmpty => _text.Length == 0;

    /// <summary>The text itself, for the one who needs it.</summary>
    public string Reveal() => _text;

    /// <inheritdoc/>
    public override string ToString() => IsEmpty ? "" : Mask;

    /// <inheritdoc/>
    public bool Equals(Secret? other) =>
        other is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(_text), Encoding.UTF8.GetBytes(other._text));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Secret);

    /// <inheritdoc/>
    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);
}
