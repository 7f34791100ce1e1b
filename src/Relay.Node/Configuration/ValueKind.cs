namespace Relay.Node.Configuration;

/// <summary>Reads one configured text. Returns null and the value, or what is wrong with the text.</summary>
internal delegate string? ValueParser<T>(string text, out T value);

/// <summary>A kind of value: how it is called, read, written and shown.</summary>
/// <param name="Name">As the documentation calls it, e.g. <c>duration</c>.</param>
/// <param name="Example">A value that passes, shown when the default is no help.</param>
/// <param name="Parse">Reads it.</param>
/// <param name="Format">Writes it as it could be configured.</param>
internal sealed record ValueKind<T>(string Name, string Example, ValueParser<T> Parse, Func<T, string> Format)
{
    /// <summary>How a configured value may be shown; secrets mask themselves here.</summary>
    public Func<string, string> Show { get; init; } = ConfigurationProblem.Printable;

    /// <summary>The same kind, refusing values for which <paramref name="objection"/> has a text.</summary>
    public ValueKind<T> Unless(Func<T, string?> objection) => this with
    {
        Parse = (string text, out T value) => Parse(text, out value) ?? objection(value),
    };

    /// <summary>The same kind under another name and example.</summary>
    public ValueKind<T> Called(string name, string example) => this with { Name = name, Example = example };
}
