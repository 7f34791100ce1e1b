using System.Globalization;

namespace Relay.Node.Admin;

/// <summary>Lists come in pages: <c>limit</c> entries, those behind <c>after</c>.</summary>
internal static class Paging
{
    public static bool TryReadLimit(IQueryCollection query, int usual, int most, out int limit)
    {
        limit = usual;
        return query["limit"].ToString() is not { Length: > 0 } text || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit >= 1 && limit <= most);
    }
}
