namespace Relay.Protocol;

/// <summary>Names of error codes on the wire.</summary>
public static class ErrorCodeName
{
    private static readonly string[] Names = [.. Enum.GetValues<ErrorCode>().Select(static code => UpperSnake(code.ToString()))];

    /// <summary>The code in upper snake case, e.g. <c>PARSE_ERROR</c>: what native and webui clients read.</summary>
    public static string Of(ErrorCode code) => Names[(int)code];

    /// <summary>What a <c>context</c> client reads: its three authentication codes are numbers in a string, the others as <see cref="Of"/>.</summary>
    public static string OfContext(ErrorCode code) => code switch
    {
        ErrorCode.InvalidToken => "4001",
        ErrorCode.TokenRequired => "4002",
        ErrorCode.MissingCredentials => "4003",
        _ => Of(code),
    };

    private static string UpperSnake(string pascal) =>
        string.Concat(pascal.Select(static (c, i) => char.IsUpper(c) && i > 0 ? "_" + c : char.ToUpperInvariant(c).ToString()));
}
