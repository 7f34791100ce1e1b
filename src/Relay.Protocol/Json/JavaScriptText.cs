using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Relay.Protocol;

/// <summary>
/// A JSON value as JavaScript's <c>String(value)</c> prints it. The original context manager puts whatever stood in <c>type</c> into the text of
/// its error frame this way.
/// </summary>
internal static class JavaScriptText
{
    /// <summary>The text; <c>undefined</c> when there is no value.</summary>
    public static string Of(JsonValue value) => value.Kind switch
    {
        JsonKind.Absent => "undefined",
        JsonKind.String => value.Text,
        JsonKind.Number => Number(value.Raw),
        JsonKind.Object => "[object Object]",
        JsonKind.Array => Joined(value),
        _ => Encoding.ASCII.GetString(value.Raw),
    };

    // Array.prototype.join: elements by their own text, null as nothing. The depth is bounded by the scanner's limit.
    private static string Joined(JsonValue array)
    {
        var text = new StringBuilder();
        var elements = new JsonArrayReader(array);
        for (var first = true; elements.Read(); first = false)
        {
            if (!first)
            {
                text.Append(',');
            }

            if (!elements.Value.IsMissing)
            {
                text.Append(Of(elements.Value));
            }
        }

        return text.ToString();
    }

    // ECMAScript 6.1.6.1.20, Number::toString with radix 10: shortest digits that round-trip, plain up to 21 digits, else exponential.
    private static string Number(ReadOnlySpan<byte> token)
    {
        _ = Utf8Parser.TryParse(token, out double value, out _);
        if (double.IsInfinity(value))
        {
            return value > 0 ? "Infinity" : "-Infinity";
        }

        if (value == 0)
        {
            return "0";
        }

        // "R" gives the shortest digits, plain or with an exponent: 123.45, 0.0001, 1.5E+300.
        var parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var dot = parts[0].IndexOf('.', StringComparison.Ordinal);
        var digits = parts[0].Replace(".", "", StringComparison.Ordinal);
        var point = (dot < 0 ? digits.Length : dot) + (parts.Length == 1 ? 0 : int.Parse(parts[1], CultureInfo.InvariantCulture));
        var significant = digits.TrimStart('0');
        return (value < 0 ? "-" : "") + Place(significant.TrimEnd('0'), point - (digits.Length - significant.Length));
    }

    private static string Place(string digits, int point)
    {
        if (point is > 21 or < -5)
        {
            var exponent = point - 1;
            var fraction = digits.Length == 1 ? "" : "." + digits[1..];
            return $"{digits[0]}{fraction}e{(exponent < 0 ? "-" : "+")}{Math.Abs(exponent)}";
        }

        if (point <= 0)
        {
            return "0." + new string('0', -point) + digits;
        }

        return digits.Length <= point ? digits + new string('0', point - digits.Length) : digits[..point] + "." + digits[point..];
    }
}
