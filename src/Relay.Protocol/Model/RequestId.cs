namespace Relay.Protocol;

/// <summary>
/// The <c>id</c> of a client's request as the JSON token it wrote, so that a number comes back as a number and a string with its
/// own escapes. Absent, <c>""</c>, <c>0</c> and <c>null</c> mean: no answer wanted (protocols.md, <c>context</c>).
/// </summary>
public readonly record struct RequestId
{
    private readonly byte[]? _token;

    /// <summary>Keeps <paramref name="token"/>, a complete JSON string or number; the caller does not change it afterwards.</summary>
    public RequestId(byte[] token) => _token = token;

    /// <summary>No id: the request is never answered.</summary>
    public static RequestId None => default;

    /// <summary>False when the client wants no answer.</summary>
    public bool IsPresent => _token is not null;

    /// <summary>The JSON token; empty when there is none.</summary>
    public ReadOnlySpan<byte> Token => _token;

    /// <inheritdoc/>
    public bool Equals(RequestId other) => Token.SequenceEqual(other.Token);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Token);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => System.Text.Encoding.UTF8.GetString(Token);
}
