using System.Collections.Frozen;
using System.Security.Cryptography;

namespace Relay.Node.Page;

/// <summary>A file as browsers get it, in the encodings that were made of it.</summary>
/// <param name="ContentType">Of <c>Content-Type</c>.</param>
/// <param name="IsImmutable">Its name changes with its bytes, so browsers need never ask again.</param>
/// <param name="Plain">Its bytes.</param>
/// <param name="Brotli">The same, compressed (RFC 7932); null = not made.</param>
/// <param name="Gzip">The same, compressed (RFC 1952); null = not made.</param>
internal sealed record DashboardFile(string ContentType, bool IsImmutable, DashboardBytes Plain, DashboardBytes? Brotli, DashboardBytes? Gzip);

/// <summary>One encoding of a file.</summary>
/// <param name="Encoding">Of <c>Content-Encoding</c>; null = as it is.</param>
/// <param name="Body">The bytes.</param>
/// <param name="Tag">Strong, quoted: changes with the bytes (RFC 9110, 8.8.3.3: each encoding has its own).</param>
internal sealed record DashboardBytes(string? Encoding, byte[] Body, string Tag)
{
    public static DashboardBytes Of(string? encoding, byte[] body) => new(encoding, body, $"\"{Convert.ToHexStringLower(SHA256.HashData(body))[..32]}\"");
}

/// <summary>The built dashboard, read once and kept: a request touches no disk, and no path leads out of the folder. Immutable.</summary>
internal sealed class DashboardFiles
{
    private const string Index = "index.html";

    /// <summary>Vite puts a hash into the names of what is in here.</summary>
    private const string Hashed = "assets/";

    private static readonly FrozenDictionary<string, string> Types = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".svg"] = "image/svg+xml",
        [".png"] = "image/png",
        [".woff2"] = "font/woff2",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private readonly FrozenDictionary<string, DashboardFile> _files;

    private DashboardFiles(FrozenDictionary<string, DashboardFile> files) => _files = files;

    /// <summary>The document of every page.</summary>
    public DashboardFile Page => _files[Index];

    /// <summary>What Vite has built into a folder, or null when there is none.</summary>
    /// <exception cref="IOException">A file that is there cannot be read.</exception>
    public static DashboardFiles? Load(string folder)
    {
        if (!File.Exists(Path.Combine(folder, Index)))
        {
            return null;
        }

        var files = new Dictionary<string, DashboardFile>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            if (Types.TryGetValue(Path.GetExtension(path), out var type))
            {
                var name = Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');
                files[name] = new DashboardFile(
                    type, name.StartsWith(Hashed, StringComparison.Ordinal), DashboardBytes.Of(null, File.ReadAllBytes(path)), Compressed(path, ".br", "br"), Compressed(path, ".gz", "gzip"));
            }
        }

        return new DashboardFiles(files.ToFrozenDictionary(StringComparer.Ordinal));
    }

    /// <summary>A file by its path below the folder, with slashes; null when there is none.</summary>
    public DashboardFile? Find(string path) => _files.GetValueOrDefault(path);

    /// <summary>The smallest encoding that a client takes. Weights are not compared, but for the zero, which refuses (RFC 9110, 12.5.3).</summary>
    public static DashboardBytes Choose(DashboardFile file, string accepted) =>
        file.Brotli is { } brotli && Takes(accepted, "br") ? brotli : file.Gzip is { } gzip && Takes(accepted, "gzip") ? gzip : file.Plain;

    private static bool Takes(string accepted, string encoding)
    {
        foreach (var one in accepted.Split(',', StringSplitOptions.TrimEntries))
        {
            var parts = one.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0].Equals(encoding, StringComparison.OrdinalIgnoreCase))
            {
                return parts.Length < 2 || parts[1].TrimStart('q', 'Q', '=', ' ').Trim('0', '.').Length > 0;
            }
        }

        return false;
    }

    private static DashboardBytes? Compressed(string path, string suffix, string encoding) =>
        File.Exists(path + suffix) ? DashboardBytes.Of(encoding, File.ReadAllBytes(path + suffix)) : null;
}
