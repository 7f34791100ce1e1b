namespace Relay.Protocol;

/// <summary>Reads the elements of an array inside a document that is already known to be well-formed.</summary>
internal ref struct JsonArrayReader
{
    private readonly ReadOnlySpan<byte> _json;
    private int _at;

    /// <summary>Starts before the first element of <paramref name="array"/>.</summary>
    public JsonArrayReader(JsonValue array)
    {
        _json = array.Raw;
        _at = 1;
    }

    /// <summary>The element.</summary>
    public JsonValue Value { get; private set; }

    /// <summary>Goes to the next element; false at the end.</summary>
    public bool Read()
    {
        _at = JsonScanner.SkipSpace(_json, _at);
        if (_json[_at] == (byte)']')
        {
            return false;
        }

        if (_json[_at] == (byte)',')
        {
            _at = JsonScanner.SkipSpace(_json, _at + 1);
        }

        var end = JsonScanner.SkipValue(_json, _at, depth: 1);
        Value = new JsonValue(_json[_at..end], _at);
        _at = end;
        return true;
    }
}
