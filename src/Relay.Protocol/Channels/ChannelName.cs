using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Unicode;

namespace Relay.Protocol;

/// <summary>
/// The naming rule of channels (protocols.md, "Channels"): <c>global</c>, <c>metrics</c>, <c>hooks</c> and <c>users</c> stand alone;
/// <c>users/</c>, <c>projects/</c>, <c>agents/</c> and <c>sessions/</c> are followed by an id of one character or more, which may contain
/// <c>/</c>; <c>topics/</c> by any text, even none. At most 256 bytes of valid UTF-8 without control characters (reliability.md, S24). Names
/// are compared byte by byte: no case folding, no Unicode normalisation.
/// </summary>
public static class ChannelName
{
    /// <summary>Longest name in UTF-8 bytes.</summary>
    public const int MaxBytes = 256;

    /// <summary>Everybody's channel.</summary>
    public const string Global = "global";

    /// <summary>Channel of <c>metric.update</c>.</summary>
    public const string Metrics = "metrics";

    /// <summary>Every hook event.</summary>
    public const string Hooks = "hooks";

    /// <summary>Every user; also the namespace of <c>users/{id}</c>.</summary>
    public const string Users = "users";

    /// <summary>Namespace of <c>projects/{id}</c>.</summary>
    public const string Projects = "projects";

    /// <summary>Namespace of <c>agents/{id}</c>.</summary>
    public const string Agents = "agents";

    /// <summary>Namespace of <c>sessions/{id}</c>.</summary>
    public const string Sessions = "sessions";

    /// <summary>Namespace of <c>topics/{topic}</c>.</summary>
    public const string Topics = "topics";

    private static readonly Utf8Interner Valid = new();

    /// <summary>Every namespace there is.</summary>
    public static IReadOnlyList<string> Namespaces { get; } = [Global, Metrics, Users, Projects, Agents, Sessions, Hooks, Topics];

    /// <summary>Reads a name; false when it breaks the rule. Allocates nothing for a name that was read before.</summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (utf8.Length is 0 or > MaxBytes)
        {
            return false;
        }

        // Only names that passed the checks below are ever put in, so a hit needs no check.
        if (Valid.TryGet(utf8, out channel))
        {
            return true;
        }

        if (!HasValidShape(utf8) || !HasValidText(utf8))
        {
            return false;
        }

        channel = Valid.Intern(utf8);
        return true;
    }

    /// <summary>Reads a name; false when it breaks the rule (lone surrogates included).</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (text is null || text.Length > MaxBytes)
        {
            return false;
        }

        Span<byte> utf8 = stackalloc byte[MaxBytes];
        var status = Utf8.FromUtf16(text, utf8, out _, out var written, replaceInvalidSequences: false);
        return status == OperationStatus.Done && TryParse(utf8[..written], out channel);
    }

    /// <summary>True for a name that keeps the rule.</summary>
    public static bool IsValid(string? text) => TryParse(text, out _);

    /// <summary>The part before the first <c>/</c>, or the whole name: under which every option of the channel is configured.</summary>
    public static string Namespace(string channel)
    {
        var slash = channel.IndexOf('/', StringComparison.Ordinal);
        var head = slash < 0 ? channel.AsSpan() : channel.AsSpan(0, slash);
        foreach (var known in (ReadOnlySpan<string>)[Users, Projects, Agents, Sessions, Topics, Global, Hooks, Metrics])
        {
            if (head.SequenceEqual(known))
            {
                return known;
            }
        }

        return head.ToString();
    }

    /// <summary>The part after the first <c>/</c>; empty when there is none.</summary>
    public static ReadOnlySpan<char> Id(string channel)
    {
        var slash = channel.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? default : channel.AsSpan(slash + 1);
    }

    /// <summary>True when the channel is <paramref name="ns"/> followed by <c>/</c> and an id.</summary>
    public static bool IsIn(string channel, string ns) =>
        channel.Length > ns.Length && channel[ns.Length] == '/' && channel.StartsWith(ns, StringComparison.Ordinal);

    /// <summary>Builds <c>{ns}/{id}</c>; false when that is no valid name, for ids that come from outside.</summary>
    public static bool TryBuild(string ns, string? id, [NotNullWhen(true)] out string? channel)
    {
        channel = null;
        return id is not null && id.Length < MaxBytes && TryParse(string.Concat(ns, "/", id), out channel);
    }

    /// <summary><c>users/{id}</c>.</summary>
    /// <exception cref="ArgumentException">The id does not fit a channel name; use <see cref="TryBuild"/> for ids from outside.</exception>
    public static string User(string id) => Build(Users, id);

    /// <summary><c>sessions/{id}</c>.</summary>
    /// <exception cref="ArgumentException">The id does not fit a channel name; use <see cref="TryBuild"/> for ids from outside.</exception>
    public static string Session(string id) => Build(Sessions, id);

    /// <summary><c>projects/{id}</c>.</summary>
    /// <exception cref="ArgumentException">The id does not fit a channel name; use <see cref="TryBuild"/> for ids from outside.</exception>
    public static string Project(string id) => Build(Projects, id);

    /// <summary><c>agents/{id}</c>.</summary>
    /// <exception cref="ArgumentException">The id does not fit a channel name; use <see cref="TryBuild"/> for ids from outside.</exception>
    public static string Agent(string id) => Build(Agents, id);

    /// <summary><c>topics/{topic}</c>.</summary>
    /// <exception cref="ArgumentException">The topic does not fit a channel name; use <see cref="TryBuild"/> for topics from outside.</exception>
    public static string Topic(string topic) => Build(Topics, topic);

    /// <summary>True for valid UTF-8 without control characters (C0, DEL and C1, among them CR and LF).</summary>
    internal static bool HasValidText(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IndexOfAnyInRange((byte)0x00, (byte)0x1F) >= 0 || utf8.Contains((byte)0x7F) || !Utf8.IsValid(utf8))
        {
            return false;
        }

        // U+0080 to U+009F are C2 80 to C2 9F.
        for (var rest = utf8; ;)
        {
            var at = rest.IndexOf((byte)0xC2);
            if (at < 0)
            {
                return true;
            }

            if (rest[at + 1] < 0xA0)
            {
                return false;
            }

            rest = rest[(at + 1)..];
        }
    }

    private static string Build(string ns, string id) =>
        TryBuild(ns, id, out var channel) ? channel : throw new ArgumentException($"'{id}' does not fit the channel name {ns}/{{id}}.", nameof(id));

    private static bool HasValidShape(ReadOnlySpan<byte> name)
    {
        var slash = name.IndexOf((byte)'/');
        if (slash < 0)
        {
            return name.SequenceEqual("global"u8) || name.SequenceEqual("metrics"u8)
                || name.SequenceEqual("hooks"u8) || name.SequenceEqual("users"u8);
        }

        var ns = name[..slash];
        if (ns.SequenceEqual("topics"u8))
        {
            return true;
        }

        return slash + 1 < name.Length
            && (ns.SequenceEqual("users"u8) || ns.SequenceEqual("projects"u8) || ns.SequenceEqual("agents"u8) || ns.SequenceEqual("sessions"u8));
    }
}
