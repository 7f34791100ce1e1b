using System.Runtime.CompilerServices;
using Relay.Node.Configuration;

namespace Relay.Node.Tests.Configuration;

public sealed class ReferenceTests
{
    [Fact]
    public void Help_names_every_key_with_default_and_meaning()
    {
        var help = Reference.Help();
        foreach (var setting in RelayConfiguration.Settings())
        {
            Assert.Contains($"  Relay:{setting.Pattern}  ({setting.Kind}", help, StringComparison.Ordinal);
            Assert.Contains(setting.Meaning.Split(' ')[0], help, StringComparison.Ordinal);
        }

        Assert.Contains("Relay:Limits:UnsentBytes  (size; default 1MiB; live)", help, StringComparison.Ordinal);
        Assert.Contains("Relay:Drain:Seconds  (number; default 25)", help, StringComparison.Ordinal);
        Assert.Contains("Relay:Namespaces:{ns}:HistoryLength  (number; default 1000; metrics 12; users 200; live)", help, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Listeners:{name}:Url")]
    [InlineData("Listeners:{name}:Dialect")]
    [InlineData("Redis:Endpoints")]
    [InlineData("Redis:Sentinel")]
    [InlineData("Redis:Updates:Channels")]
    [InlineData("Postgres:Bridge:Outbox")]
    [InlineData("Storage:Path")]
    [InlineData("Cluster:Enabled")]
    [InlineData("Cluster:Name")]
    [InlineData("Cluster:Shards")]
    [InlineData("Cluster:NodeId")]
    [InlineData("Namespaces:{ns}:Durability")]
    [InlineData("Namespaces:{ns}:HistoryLength")]
    [InlineData("Namespaces:{ns}:HistoryAge")]
    [InlineData("Namespaces:{ns}:Presence")]
    [InlineData("Limits:SessionResumeWindow")]
    [InlineData("Namespaces:{ns}:WhenSlow")]
    [InlineData("Namespaces:{ns}:Publish")]
    [InlineData("Namespaces:{ns}:Subscribe")]
    [InlineData("Auth:Required")]
    [InlineData("Auth:AllowAnonymous")]
    [InlineData("Auth:ApiKeys:{i}:Key")]
    [InlineData("Auth:ApiKeys:{i}:Name")]
    [InlineData("Auth:ApiKeys:{i}:Rights")]
    [InlineData("Auth:Jwt:Keys:{i}:Alg")]
    [InlineData("Auth:Jwt:Keys:{i}:Kid")]
    [InlineData("Auth:Jwt:Keys:{i}:Secret")]
    [InlineData("Auth:Jwt:Keys:{i}:PublicKeyPem")]
    [InlineData("Auth:Jwt:JwksUrl")]
    [InlineData("Auth:Jwt:Issuer")]
    [InlineData("Auth:Jwt:Audience")]
    [InlineData("Auth:Origins:{i}")]
    [InlineData("Agents:Backend")]
    [InlineData("Drain:Seconds")]
    public void Every_key_people_rely_on_is_known(string pattern) =>
        Assert.Contains(pattern, RelayConfiguration.Settings().Select(setting => setting.Pattern), StringComparer.Ordinal);

    [Fact]
    public void The_documented_keys_are_those_of_the_program()
    {
        var path = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "configuration.md");
        var text = File.ReadAllText(path);
        var begin = text.IndexOf(Reference.BeginMark, StringComparison.Ordinal);
        var end = text.IndexOf(Reference.EndMark, StringComparison.Ordinal) + Reference.EndMark.Length;
        Assert.True(begin >= 0 && end > begin, $"{path} has lost its marks");
        if (Environment.GetEnvironmentVariable("RELAY_UPDATE_DOCS") == "1")
        {
            text = text[..begin] + Reference.Markdown() + text[end..];
            File.WriteAllText(path, text);
            end = text.IndexOf(Reference.EndMark, StringComparison.Ordinal) + Reference.EndMark.Length;
        }

        // Stale? RELAY_UPDATE_DOCS=1 dotnet test tests/Relay.Node.Tests --filter ReferenceTests writes it anew.
        Assert.Equal(Reference.Markdown(), text[begin..end]);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
