using System.Globalization;

namespace Relay.Node.Configuration;

/// <summary>
/// Reads settings and, by being asked for them, learns which there are. Each options record asks for its keys in one place, with kind,
/// default and meaning beside the key: that one line is the documentation, the validation and the binding, so they cannot
/// disagree. (<c>ConfigurationBinder</c> was rejected: it stops at the first mistake, ignores unknown keys and says neither the
/// value nor how to set it.)
/// <para>A key that cannot be read yields its default and a problem; reading goes on, so all mistakes come out together.</para>
/// </summary>
internal sealed class SettingReader
{
    private readonly IConfiguration? _values;
    private readonly State _state;
    private readonly string _pattern;
    private readonly string _path;

    /// <summary>Reads the section <c>Relay</c> of <paramref name="root"/>.</summary>
    public SettingReader(IConfiguration root)
        : this(root.GetSection("Relay"), new State(), "", "")
    {
    }

    private SettingReader(IConfiguration? values, State state, string pattern, string path)
    {
        _values = values;
        _state = state;
        _pattern = pattern;
        _path = path;
    }

    /// <summary>The keys asked for so far, in that order.</summary>
    public IReadOnlyCollection<Setting> Settings => _state.Settings;

    /// <summary>The mistakes found so far.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems => _state.Problems;

    /// <summary>Reads one key.</summary>
    /// <param name="key">Relative to this reader, e.g. <c>Limits:UnsentBytes</c>.</param>
    /// <param name="kind">How to read it.</param>
    /// <param name="fallback">Taken when the key is not set, or wrong.</param>
    /// <param name="meaning">One sentence for the documentation.</param>
    /// <param name="shownDefault">For the documentation when the default differs between names.</param>
    public T Read<T>(string key, ValueKind<T> kind, T fallback, string meaning, string? shownDefault = null)
    {
        var shown = shownDefault ?? kind.Format(fallback);
        _state.Add(new Setting(_pattern + key, kind.Name, shown, meaning));
        if (_values?[key] is not { } text)
        {
            return fallback;
        }

        var wrong = kind.Parse(text, out var value);
        if (wrong is null)
        {
            return value;
        }

        var usual = kind.Format(fallback);
        _state.Problems.Add(new ConfigurationProblem(_path + key, kind.Show(text), wrong, usual.Length > 0 ? usual : kind.Example));
        return fallback;
    }

    /// <summary>True when the key has a value, whatever it is.</summary>
    public bool IsSet(string key) => _values?[key] is not null;

    /// <summary>Reads named sections: those of <paramref name="known"/>, and further ones when <paramref name="open"/>.</summary>
    /// <param name="section">E.g. <c>Listeners</c>.</param>
    /// <param name="placeholder">How the documentation writes the name, e.g. <c>{name}</c>.</param>
    /// <param name="known">Names that exist without configuration.</param>
    /// <param name="open">Whether configuration may add names of letters, digits, <c>-</c> and <c>_</c>.</param>
    /// <param name="read">Reads the section of one name.</param>
    public IReadOnlyDictionary<string, T> ReadNamed<T>(
        string section, string placeholder, IEnumerable<string> known, bool open, Func<string, SettingReader, T> read)
    {
        var sections = new Dictionary<string, T>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in known)
        {
            sections.Add(name, read(name, Under(section, placeholder, name)));
        }

        if (sections.Count == 0)
        {
            // The reader without values only documents the keys.
            _ = read(placeholder, new SettingReader(null, _state, $"{_pattern}{section}:{placeholder}:", ""));
        }

        foreach (var name in Children(section))
        {
            if (sections.ContainsKey(name))
            {
                continue;
            }

            if (!open)
            {
                _state.Refused.Add(_path + section + ":" + name);
                Problem($"{section}:{name}", null, $"there is no '{name}' here; known are {string.Join(", ", known)}{Nearest.Hint(name, known)}", null);
            }
            else if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            {
                _state.Refused.Add(_path + section + ":" + name);
                Problem($"{section}:{name}", null, "a name consists of letters, digits, '-' and '_'", null);
            }
            else
            {
                sections.Add(name, read(name, Under(section, placeholder, name)));
            }
        }

        return sections;
    }

    /// <summary>Reads sections numbered 0, 1, 2 …; a gap is allowed, another name is not.</summary>
    public IReadOnlyList<T> ReadList<T>(string section, Func<SettingReader, T> read)
    {
        // The reader without values only documents the keys.
        _ = read(new SettingReader(null, _state, $"{_pattern}{section}:{{i}}:", ""));
        var list = new List<T>();
        foreach (var name in Children(section).Where(name => IsIndex(section, name)))
        {
            list.Add(read(Under(section, "{i}", name)));
        }

        return list;
    }

    /// <summary>Reads single values numbered 0, 1, 2 ….</summary>
    public IReadOnlyList<T> ReadValues<T>(string section, ValueKind<T> kind, T fallback, string meaning)
    {
        _state.Add(new Setting($"{_pattern}{section}:{{i}}", kind.Name, "", meaning));
        var reader = new SettingReader(_values?.GetSection(section), _state, $"{_pattern}{section}:", $"{_path}{section}:");
        return [.. Children(section).Where(name => IsIndex(section, name)).Select(name => reader.ReadEntry(name, kind, fallback))];
    }

    /// <summary>Adds a mistake that concerns several keys, or a key that is missing.</summary>
    public void Problem(string key, string? value, string text, string? example)
    {
        // A reader without values only documents.
        if (_values is not null)
        {
            _state.Problems.Add(new ConfigurationProblem(_path + key, value, text, example));
        }
    }

    /// <summary>Adds a mistake in something that is not a key under <c>Relay</c>.</summary>
    public void ForeignProblem(string name, string? value, string text) =>
        _state.Problems.Add(new ConfigurationProblem(name, value, text, null, IsForeign: true));

    /// <summary>Refuses every configured key that nobody asked for. Call last, on the outermost reader.</summary>
    /// <remarks>Values of unknown keys are not shown: a misspelt <c>Pasword</c> is still a password.</remarks>
    public void RefuseUnknown()
    {
        foreach (var (key, value) in _values!.AsEnumerable(makePathsRelative: true).OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase))
        {
            // A section, or an empty JSON list or object in place of one.
            var isSection = string.IsNullOrEmpty(value) && _state.Patterns.Any(pattern => Matches(pattern, key, prefix: true));
            if (key.Length == 0 || isSection || _values!.GetSection(key).GetChildren().Any() || IsRefused(key)
                || _state.Patterns.Any(pattern => Matches(pattern, key, prefix: false)))
            {
                continue;
            }

            var nearest = Nearest.Find(key, _state.Patterns.Select(pattern => Fill(pattern, key)));
            var hint = nearest is null
                ? "; all keys: --help"
                : $"; did you mean Relay:{nearest}?\n    set it with  {ConfigurationProblem.AsEnvironment(nearest, "…")}  or  {ConfigurationProblem.AsArgument(nearest, "…")}";
            Problem(key, null, "unknown key" + hint, null);
        }
    }

    private bool IsRefused(string key) => _state.Refused.Any(refused =>
        key.StartsWith(refused, StringComparison.OrdinalIgnoreCase) && (key.Length == refused.Length || key[refused.Length] == ':'));

    private bool IsIndex(string section, string name)
    {
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            return true;
        }

        _state.Refused.Add(_path + section + ":" + name);
        Problem($"{section}:{name}", null, $"entries are numbered: {section}:0, {section}:1 …", null);
        return false;
    }

    private T ReadEntry<T>(string index, ValueKind<T> kind, T fallback)
    {
        var text = _values![index] ?? "";
        if (kind.Parse(text, out var value) is not { } wrong)
        {
            return value;
        }

        _state.Problems.Add(new ConfigurationProblem(_path + index, kind.Show(text), wrong, kind.Example));
        return fallback;
    }

    private SettingReader Under(string section, string placeholder, string name) =>
        new(_values?.GetSection($"{section}:{name}"), _state, $"{_pattern}{section}:{placeholder}:", $"{_path}{section}:{name}:");

    private IEnumerable<string> Children(string section) => _values?.GetSection(section).GetChildren().Select(child => child.Key) ?? [];

    private static bool Matches(string pattern, string key, bool prefix)
    {
        var expected = pattern.Split(':');
        var given = key.Split(':');
        return (prefix ? given.Length < expected.Length : given.Length == expected.Length)
            && given.Zip(expected).All(pair => pair.Second[0] == '{' || pair.Second.Equals(pair.First, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The pattern with the key's own names in place of those in braces, so that only real differences count as edits.</summary>
    private static string Fill(string pattern, string key)
    {
        var given = key.Split(':');
        return string.Join(':', pattern.Split(':').Select((part, i) => part[0] != '{' ? part : i < given.Length ? given[i] : part is "{i}" ? "0" : part));
    }

    private sealed class State
    {
        private readonly OrderedDictionary<string, Setting> _settings = new(StringComparer.Ordinal);

        public List<ConfigurationProblem> Problems { get; } = [];

        /// <summary>Sections already refused as a whole; their keys are not reported once more.</summary>
        public List<string> Refused { get; } = [];

        public IReadOnlyCollection<Setting> Settings => _settings.Values;

        public IReadOnlyCollection<string> Patterns => _settings.Keys;

        public void Add(Setting setting) => _settings.TryAdd(setting.Pattern, setting);
    }
}
