using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Relay.Redis.Resp;

namespace Relay.Redis.Commands;

/// <summary>
/// A Lua script from an embedded <c>.lua</c> resource, run by its hash. The file's first lines name it and its arguments:
/// <code>
/// -- lease_claim: gives a shard to a node when nobody holds it
/// -- KEYS[1] shards   hash: shard -> owner, fence, until
/// -- ARGV[1] shard
/// -- ARGV[2...] nodes
/// </code>
/// Dots after the last index mean "this one and any number more". A call with another number of keys or arguments fails before it is sent.
/// Keys and arguments go to the server as values; nothing is ever put into the script's text.
/// </summary>
public sealed class RedisScript
{
    private readonly byte[] _text;
    private readonly ScriptSignature _signature;

    private RedisScript(string text)
    {
        _signature = ScriptSignature.Parse(text);
        _text = Encoding.UTF8.GetBytes(text);
#pragma warning disable CA5350 // Redis names scripts by their SHA-1; it protects nothing.
        Hash = Convert.ToHexStringLower(SHA1.HashData(_text));
#pragma warning restore CA5350
    }

    public string Name => _signature.Name;

    /// <summary>Names of the keys, in order.</summary>
    public IReadOnlyList<string> Keys => _signature.Keys;

    /// <summary>Names of the arguments, in order.</summary>
    public IReadOnlyList<string> Arguments => _signature.Arguments;

    /// <summary>SHA-1 of the text in lower-case hex, as EVALSHA wants it.</summary>
    public string Hash { get; }

    /// <param name="assembly">Where the resource is.</param>
    /// <param name="name">The end of the resource's name, such as <c>lease_claim.lua</c>; exactly one resource must end so.</param>
    /// <exception cref="ArgumentException">No such resource, or several.</exception>
    /// <exception cref="FormatException">The first lines do not follow the form.</exception>
    public static RedisScript FromResource(Assembly assembly, string name) => new(ReadResource(assembly, name));

    /// <summary>As the other, with the text of another resource, such as functions that several scripts share, between the first lines and the rest.</summary>
    public static RedisScript FromResource(Assembly assembly, string name, string prelude)
    {
        var text = ReadResource(assembly, name);
        var rest = 0;
        while (text.AsSpan(rest).StartsWith("--", StringComparison.Ordinal) && text.IndexOf('\n', rest) is >= 0 and var end)
            rest = end + 1;
        return new RedisScript($"{text[..rest]}\n{ReadResource(assembly, prelude)}\n{text[rest..]}");
    }

    private static string ReadResource(Assembly assembly, string name)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        var found = Array.FindAll(assembly.GetManifestResourceNames(),
            resource => string.Equals(resource, name, StringComparison.Ordinal) || resource.EndsWith("." + name, StringComparison.Ordinal));
        if (found.Length != 1)
            throw new ArgumentException($"{found.Length} resources of {assembly.GetName().Name} are named '{name}'; expected one.", nameof(name));
        using var stream = assembly.GetManifestResourceStream(found[0])!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <exception cref="FormatException">The first lines do not follow the form.</exception>
    public static RedisScript FromText(string text) => new(text);

    /// <summary>Runs the script. When the server does not know it (restart, SCRIPT FLUSH, failover), it is loaded and run again, unseen by the caller.</summary>
    /// <remarks>
    /// NOSCRIPT means that nothing ran, so running again is safe. Only the order relative to the caller's other commands in flight
    /// changes then; a caller that needs the order awaits each run.
    /// </remarks>
    /// <exception cref="ArgumentException">Thrown at once: the number of keys or arguments is not the script's.</exception>
    public ValueTask<RedisValue> RunAsync(RedisClient redis, ReadOnlySpan<RedisArg> keys, ReadOnlySpan<RedisArg> arguments)
    {
        ArgumentNullException.ThrowIfNull(redis);
        return RunAsync(redis, redis.Options.CommandTimeout, keys, arguments);
    }

    /// <summary>As the other, with a time-out of its own.</summary>
    public ValueTask<RedisValue> RunAsync(RedisClient redis, TimeSpan timeout, ReadOnlySpan<RedisArg> keys, ReadOnlySpan<RedisArg> arguments)
    {
        ArgumentNullException.ThrowIfNull(redis);
        _signature.Check(keys.Length, arguments.Length);
        RedisArg[] command = ["EVALSHA", Hash, keys.Length, .. keys, .. arguments];
        return RunAsync(redis, timeout, command);
    }

    private async ValueTask<RedisValue> RunAsync(RedisClient redis, TimeSpan timeout, RedisArg[] command)
    {
        // A second NOSCRIPT right after loading means that somebody flushes in a loop, or that a proxy spreads commands over servers.
        const int Loads = 2;
        for (var load = 0; ; load++)
        {
            try
            {
                return await redis.SendAsync(timeout, command);
            }
            catch (RedisException error) when (load < Loads && string.Equals(error.Code, "NOSCRIPT", StringComparison.Ordinal))
            {
                await redis.SendAsync("SCRIPT", "LOAD", _text);
            }
        }
    }

    /// <summary>What the first lines of a script say.</summary>
    private sealed record ScriptSignature(string Name, string[] Keys, string[] Arguments, bool MoreKeys, bool MoreArguments)
    {
        public static ScriptSignature Parse(string text)
        {
            string? name = null;
            List<string> keys = [], arguments = [];
            bool moreKeys = false, moreArguments = false;
            foreach (var line in text.Split('\n'))
            {
                if (!line.StartsWith("--", StringComparison.Ordinal))
                    break;
                var comment = line[2..].Trim();
                if (name is null)
                    name = ParseName(comment);
                else if (comment.StartsWith("KEYS[", StringComparison.Ordinal))
                    AddIndexed(comment["KEYS[".Length..], keys, ref moreKeys);
                else if (comment.StartsWith("ARGV[", StringComparison.Ordinal))
                    AddIndexed(comment["ARGV[".Length..], arguments, ref moreArguments);
            }

            return new ScriptSignature(name ?? throw Bad("the first line must be '-- name: what it does'"), [.. keys], [.. arguments], moreKeys, moreArguments);
        }

        public void Check(int keys, int arguments)
        {
            if (keys != Keys.Length && !(MoreKeys && keys > Keys.Length))
                throw new ArgumentException($"script {Name} takes the keys ({string.Join(", ", Keys)}), not {keys}.", nameof(keys));
            if (arguments != Arguments.Length && !(MoreArguments && arguments > Arguments.Length))
                throw new ArgumentException($"script {Name} takes the arguments ({string.Join(", ", Arguments)}), not {arguments}.", nameof(arguments));
        }

        private static string ParseName(string comment)
        {
            var colon = comment.IndexOf(':', StringComparison.Ordinal);
            return colon > 0 ? comment[..colon] : throw Bad("the first line must be '-- name: what it does'");
        }

        private static void AddIndexed(string rest, List<string> names, ref bool more)
        {
            var close = rest.IndexOf(']', StringComparison.Ordinal);
            var index = close < 0 ? string.Empty : rest[..close];
            var isLast = index.EndsWith("...", StringComparison.Ordinal);
            if (isLast)
                index = index[..^3];
            if (more || !int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number != names.Count + 1)
                throw Bad($"'{rest}' is not the next index ({names.Count + 1})");
            var words = rest[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            names.Add(words.Length > 0 ? words[0] : throw Bad($"index {number} has no name"));
            more = isLast;
        }

        private static FormatException Bad(string problem) => new($"Lua script: {problem}.");
    }
}
