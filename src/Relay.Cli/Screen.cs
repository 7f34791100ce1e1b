using System.CommandLine;
using System.Text.Json;
using Spectre.Console;

namespace Relay.Cli;

/// <summary>Where answers go: tables and colours for people, one JSON value a line for programs.</summary>
internal sealed class Screen(TextWriter output, TextWriter error, TextReader input, bool isForPeople)
{
    private static readonly JsonSerializerOptions Compact = new(JsonSerializerOptions.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Option<bool> Json { get; } = new("--json") { Description = "JSON instead of tables; also when the output is no terminal.", Recursive = true };

    public TextWriter Output => output;

    public TextWriter Error => error;

    public TextReader Input => input;

    public static Screen OfConsole() => new(Console.Out, Console.Error, Console.In, !Console.IsOutputRedirected);

    public bool IsForPeople(ParseResult parsed) => isForPeople && !parsed.GetValue(Json);

    /// <summary>Progress is for people who wait: on the error stream, and only if that is a terminal.</summary>
    public IAnsiConsole? Progress() => isForPeople && !Console.IsErrorRedirected ? AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error) }) : null;

    public IAnsiConsole Terminal() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });

    public void Write(JsonElement value) => output.WriteLine(JsonSerializer.Serialize(value, Compact));

    public void Write(object value) => output.WriteLine(JsonSerializer.Serialize(value, Compact));

    public void Table(IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows, string whenEmpty)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column, new Style(decoration: Decoration.Bold))));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(static cell => new Text(cell)));
        }

        if (table.Rows.Count == 0)
        {
            output.WriteLine(whenEmpty);
        }
        else
        {
            Terminal().Write(table);
        }
    }
}
