using System.Text.Unicode;

namespace Relay.Protocol;

/// <summary>What stands at the top of a frame.</summary>
internal enum JsonShape
{
    /// <summary>Not one well-formed JSON value.</summary>
    Invalid,

    /// <summary>An object, to be read member by member.</summary>
    Object,

    /// <summary><c>null</c></summary>
    Null,

    /// <summary>An array, a string, a number, <c>true</c> or <c>false</c>.</summary>
    Other,
}

/// <summary>
/// Reads the members of one object, values as slices. A document is known to be well-formed only when <see cref="Read"/> has returned false and
/// <see cref="Failed"/> is false, so a caller collects first and acts afterwards; that also gives the last of two equal keys the word.
/// </summary>
internal ref struct JsonObjectReader
{
    private readonly ReadOnlySpan<byte> _json;
    private int _at;
    private bool _first;
    private bool _done;

    private JsonObjectReader(ReadOnlySpan<byte> json, int at)
    {
        _json = json;
        _at = at;
        _first = true;
    }

    /// <summary>The member's key without escapes.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>The member's value.</summary>
    public JsonValue Value { get; private set; }

    /// <summary>True when the document is not well-formed.</summary>
    public bool Failed { get; private set; }

    /// <summary>
    /// Looks at a whole document. For <see cref="JsonShape.Object"/> the members are still to be read; every other answer is final.
    /// </summary>
    /// <param name="json">The document.</param>
    /// <param name="checkUtf8">True when nobody has checked yet that the bytes are UTF-8 (binary messages, Redis, PostgreSQL, HTTP).</param>
    /// <param name="reader">Reads the members.</param>
    public static JsonShape Open(ReadOnlySpan<byte> json, bool checkUtf8, out JsonObjectReader reader)
    {
        var at = JsonScanner.SkipSpace(json, 0);
        reader = new JsonObjectReader(json, at + 1);
        if (at == json.Length || (checkUtf8 && !Utf8.IsValid(json)))
        {
            return JsonShape.Invalid;
        }

        if (json[at] == (byte)'{')
        {
            return JsonShape.Object;
        }

        if (!JsonScanner.IsValue(json))
        {
            return JsonShape.Invalid;
        }

        return json[at] == (byte)'n' ? JsonShape.Null : JsonShape.Other;
    }

    /// <summary>Reads the members of an object inside a document that is already known to be well-formed.</summary>
    public static JsonObjectReader Inside(JsonValue value) => new(value.Raw, 1);

    /// <summary>Goes to the next member; false at the end or when the document is broken.</summary>
    public bool Read()
    {
        if (_done)
        {
            return false;
        }

        _at = JsonScanner.SkipSpace(_json, _at);
        if (_at >= _json.Length)
        {
            return Fail();
        }

        if (_json[_at] == (byte)'}')
        {
            return End();
        }

        if (!_first)
        {
            if (_json[_at] != (byte)',')
            {
                return Fail();
            }

            _at = JsonScanner.SkipSpace(_json, _at + 1);
        }

        _first = false;
        return ReadMember() || Fail();
    }

    private bool ReadMember()
    {
        if (_at >= _json.Length || _json[_at] != (byte)'"')
        {
            return false;
        }

        var end = JsonScanner.SkipString(_json, _at);
        if (end < 0)
        {
            return false;
        }

        Name = JsonString.Unescape(_json[(_at + 1)..(end - 1)]);
        var colon = JsonScanner.SkipSpace(_json, end);
        if (colon >= _json.Length || _json[colon] != (byte)':')
        {
            return false;
        }

        var start = JsonScanner.SkipSpace(_json, colon + 1);
        end = JsonScanner.SkipValue(_json, start, depth: 1);
        if (end < 0)
        {
            return false;
        }

        Value = new JsonValue(_json[start..end], start);
        _at = end;
        return true;
    }

    private bool End()
    {
        _done = true;
        Failed = JsonScanner.SkipSpace(_json, _at + 1) != _json.Length;
        return false;
    }

    private bool Fail()
    {
        _done = true;
        Failed = true;
        return false;
    }
}
