using System.Text;

namespace Relay.Node.Configuration;

/// <summary>The keys as people read them: <c>--help</c> and the table of docs/configuration.md, both from <see cref="RelayConfiguration.Settings"/>.</summary>
public static class Reference
{
    /// <summary>Begin of the generated part of docs/configuration.md.</summary>
    public const string BeginMark = "<!-- keys: generated from the program, do not edit by hand -->";

    /// <summary>Its end.</summary>
    public const string EndMark = "<!-- end of keys -->";

    private const int Width = 100;

    /// <summary>The text of <c>--help</c>.</summary>
    public static string Help()
    {
        var text = new StringBuilder();
        text.Append(
            """
            ActorRelay node: relays updates between publishers and WebSocket clients.

            usage: dotnet Relay.Node.dll [--help | --version | check-config | --new-key | --hash-key | --move-redis-streams] [--Relay:Key=value …]

              --help     this text
              --version  the program's version
              check-config
                         read and check the configuration, tell all mistakes or what would be started, then end
                         (0 valid, 2 not); also --check
              --new-key  make an API key and print it with its hash, for Auth:ApiKeys:0:Hash
              --hash-key print the hash of the API key on the standard input
              --move-redis-streams
                         put durable streams where the configured Redis:Servers have them, then end; while no node runs

            Keys come from appsettings.json (beside the program, then in the working folder), the environment
            (Relay__Limits__UnsentBytes=1MiB) and the command line (--Relay:Limits:UnsentBytes=1MiB); later ones win.
            WS_PORT and HOST move the context listener. Logging:* is ASP.NET Core's:
            Logging:LogLevel:Relay.Cluster=Debug, Logging:Console:FormatterName=json (or simple, systemd).
            Durations: 250ms, 30s, 5m, 24h, 7d or 00:00:30. Sizes: 512, 64KiB, 1MiB.
            Keys marked live take effect when appsettings.json changes (Reload:Interval) or on SIGHUP, without a restart.
            Exit codes: 0 ended as asked, 1 could not start, 2 wrong configuration.

            """);
        foreach (var section in RelayConfiguration.Settings().GroupBy(setting => setting.Section, StringComparer.Ordinal))
        {
            text.Append('\n');
            foreach (var setting in section)
            {
                text.Append("  Relay:").Append(setting.Pattern).Append("  (").Append(setting.Kind);
                text.Append(setting.Default.Length > 0 ? $"; default {setting.Default}" : "").Append(setting.IsLive ? "; live)\n" : ")\n");
                Wrap(text, setting.Meaning);
            }
        }

        return text.ToString();
    }

    /// <summary>The generated part of docs/configuration.md, with its marks.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder(BeginMark).Append('\n');
        foreach (var section in RelayConfiguration.Settings().GroupBy(setting => setting.Section, StringComparer.Ordinal))
        {
            text.Append("\n### ").Append(section.Key).Append("\n\n| key | value | default | live | meaning |\n|---|---|---|---|---|\n");
            foreach (var setting in section)
            {
                var shown = setting.Default.Length > 0 ? $"`{setting.Default}`" : "–";
                text.Append("| `").Append(setting.Pattern).Append("` | ").Append(setting.Kind).Append(" | ")
                    .Append(shown).Append(setting.IsLive ? " | live | " : " | | ").Append(setting.Meaning.Replace("|", "\\|", StringComparison.Ordinal)).Append(" |\n");
            }
        }

        return text.Append('\n').Append(EndMark).ToString();
    }

    private static void Wrap(StringBuilder text, string meaning)
    {
        const string Indent = "        ";
        var column = 0;
        foreach (var word in meaning.Split(' '))
        {
            if (column == 0 || column + 1 + word.Length > Width)
            {
                text.Append(column == 0 ? "" : "\n").Append(Indent).Append(word);
                column = Indent.Length + word.Length;
            }
            else
            {
                text.Append(' ').Append(word);
                column += 1 + word.Length;
            }
        }

        text.Append('\n');
    }
}
