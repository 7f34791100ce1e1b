using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Relay.Protocol.Handshake;

/// <summary>
/// A query with all its parameters, read as upgrades' queries are (RFC 3986 §2.1, '+' is a space) and strictly: text that cannot be decoded must not become another
/// name.
/// </summary>
public static class QueryText
{
    /// <summary>Reads a query; false when an escape is broken or what it says is no UTF-8.</summary>
    /// <param name="query">With or without the leading <c>?</c>.</param>
    /// <param name="parameters">Names and values in their order; a parameter without a value has "".</param>
    public static bool TryParse(string query, [NotNullWhen(true)] out IReadOnlyList<KeyValuePair<string, string>>? parameters)
    {
        ArgumentNullException.ThrowIfNull(query);
        parameters = null;
        var read = new List<KeyValuePair<string, string>>();
        foreach (var pair in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (!TryDecode(equals < 0 ? pair : pair[..equals], out var name) || !TryDecode(equals < 0 ? "" : pair[(equals + 1)..], out var value))
            {
                return false;
            }

            read.Add(KeyValuePair.Create(name, value));
        }

        parameters = read;
        return true;
    }

    private static bool TryDecode(string text, [NotNullWhen(true)] out string? decoded) =>
        PercentEncoding.TryDecode(Encoding.UTF8.GetBytes(text), plusIsSpace: true, out decoded);
}
