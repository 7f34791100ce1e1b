using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Relay.Cli.Commands;

/// <summary><c>relay token</c>: a JWT signed with HS256 (RFC 7519), as <c>Auth:Jwt:Keys</c> of a node with that secret believe it.</summary>
internal static class TokenCommand
{
    private const string SecretVariable = "RELAY_JWT_SECRET";

    public static Command Create(Screen screen)
    {
        var subject = new Argument<string>("subject") { Description = "Whose token it is: user or agent." };
        var secret = new Option<FileInfo?>("--secret-file") { Description = $"File with the secret, as in Auth:Jwt:Keys:0:File. Also {SecretVariable}.", HelpName = "file" };
        var life = new Option<int>("--minutes") { Description = "Valid for so long.", DefaultValueFactory = static _ => 60 };
        var rights = new Option<string[]>("--right") { Description = "channel=subscribe,publish,presence,history; repeatable. None = what the namespaces say.", HelpName = "channel=rights" };
        var session = new Option<string?>("--session") { Description = "Its session (sid)." };
        var issuer = new Option<string?>("--issuer");
        var audience = new Option<string?>("--audience");
        var kid = new Option<string?>("--kid") { Description = "Name of the key, where the node has several." };
        var command = new Command("token", "Make a token for a user or agent, signed with a node's secret.") { subject, secret, life, rights, session, issuer, audience, kid };
        command.SetAction(async (parsed, _) =>
        {
            var claims = new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["sub"] = parsed.GetValue(subject)!,
                ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
                ["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
                ["exp"] = TimeProvider.System.GetUtcNow().AddMinutes(parsed.GetValue(life)).ToUnixTimeSeconds(),
            };
            foreach (var (name, value) in new[] { ("sid", parsed.GetValue(session)), ("iss", parsed.GetValue(issuer)), ("aud", parsed.GetValue(audience)) }.Where(static one => one.Item2 is not null))
            {
                claims[name] = value!;
            }

            if (parsed.GetValue(rights) is { Length: > 0 } given)
            {
                claims["rights"] = given.ToDictionary(static one => one.Split('=', 2)[0], RightsOf, StringComparer.Ordinal);
            }

            await screen.Output.WriteLineAsync(Sign(claims, parsed.GetValue(kid), Secret(parsed.GetValue(secret))));
            return CommandLine.Done;
        });
        return command;
    }

    private static string[] RightsOf(string given) =>
        given.Split('=', 2) is [_, { Length: > 0 } rights] ? rights.Split(',') : throw new CliException(CommandLine.WrongUsage, $"--right {given}: not channel=rights, such as topics/deploy/**=subscribe,history");

    private static string Sign(Dictionary<string, object> claims, string? kid, byte[] secret)
    {
        var header = new Dictionary<string, string>(StringComparer.Ordinal) { ["alg"] = "HS256", ["typ"] = "JWT" };
        if (kid is not null)
        {
            header["kid"] = kid;
        }

        var signed = $"{Base64Url(JsonSerializer.SerializeToUtf8Bytes(header))}.{Base64Url(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Base64Url(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}";
    }

    // As a node reads Auth:Jwt:Keys:{i}:Secret.
    private static byte[] Secret(FileInfo? file)
    {
        string? text;
        try
        {
            text = file is null ? Environment.GetEnvironmentVariable(SecretVariable) : File.ReadAllText(file.FullName).Trim();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CliException(CommandLine.WrongUsage, $"--secret-file: {problem.Message}");
        }

        if (string.IsNullOrEmpty(text))
        {
            throw new CliException(CommandLine.WrongUsage, $"no secret: give --secret-file, or set {SecretVariable}");
        }

        var secret = text switch
        {
            _ when text.StartsWith("base64url:", StringComparison.Ordinal) => System.Buffers.Text.Base64Url.DecodeFromChars(text.AsSpan(10)),
            _ when text.StartsWith("base64:", StringComparison.Ordinal) => Convert.FromBase64String(text[7..]),
            _ => Encoding.UTF8.GetBytes(text),
        };
        return secret.Length >= 32 ? secret : throw new CliException(CommandLine.WrongUsage, "the secret is shorter than 32 bytes, which no node takes");
    }

    private static string Base64Url(ReadOnlySpan<byte> bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
