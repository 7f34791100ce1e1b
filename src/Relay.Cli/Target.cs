using System.CommandLine;
using Relay.Client;

namespace Relay.Cli;

/// <summary>Which relay is meant, and with what credentials.</summary>
internal sealed record Target(Uri Http, string? Key)
{
    public const string UrlVariable = "RELAY_URL";
    public const string KeyVariable = "RELAY_KEY";
    private const string Default = "http://127.0.0.1:8080";

    public static Option<string> Url { get; } = new("--url")
    {
        Description = $"Address of any node: http(s)://host:port. Also {UrlVariable}.",
        DefaultValueFactory = static _ => Environment.GetEnvironmentVariable(UrlVariable) is { Length: > 0 } set ? set : Default,
        Recursive = true,
        HelpName = "address",
    };

    // Not the key itself: arguments are seen by everyone on the machine and kept by shells.
    public static Option<FileInfo?> KeyFile { get; } = new("--key-file")
    {
        Description = $"File with the API key or token. Also {KeyVariable}, which holds the key itself.",
        Recursive = true,
        HelpName = "file",
    };

    /// <exception cref="CliException">The address is none, or the file cannot be read.</exception>
    public static Target Of(ParseResult parsed)
    {
        var text = parsed.GetValue(Url)!;
        if (!Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https" or "ws" or "wss"))
        {
            throw new CliException(CommandLine.WrongUsage, $"--url {text}: not an address, such as {Default}");
        }

        var http = new UriBuilder(url) { Scheme = url.Scheme is "https" or "wss" ? "https" : "http", Path = "/", Query = "" }.Uri;
        return new Target(http, KeyOf(parsed.GetValue(KeyFile)));
    }

    public Uri WebSocket(string pathAndQuery)
    {
        var parts = pathAndQuery.Split('?', 2);
        return new UriBuilder(Http) { Scheme = Http.Scheme == "https" ? "wss" : "ws", Path = parts[0], Query = parts.Length > 1 ? parts[1] : "" }.Uri;
    }

    public RelayClient Connect(TimeSpan? answer = null) =>
        new(new RelayClientOptions { Url = WebSocket("/relay"), Token = Key, AnswerTimeout = answer ?? TimeSpan.FromSeconds(10) });

    private static string? KeyOf(FileInfo? file)
    {
        if (file is null)
        {
            return Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } set ? set : null;
        }

        try
        {
            return File.ReadAllText(file.FullName).Trim();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CliException(CommandLine.WrongUsage, $"--key-file: {problem.Message}");
        }
    }
}
