using System.Security.Cryptography;

namespace Relay.Node.Listeners.Tls;

/// <summary>
/// What a few small files hold, as one hash. Compared in place of times: a mounted Kubernetes secret is a link to a link that is exchanged, and some copies keep the time of their original.
/// </summary>
internal static class FileDigest
{
    /// <summary>A file that cannot be read counts as one with its failure's name in it: it becomes another when it can be.</summary>
    public static string Of(IEnumerable<string> files)
    {
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            try
            {
                sum.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
            }
            catch (Exception missing) when (missing is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                sum.AppendData(System.Text.Encoding.UTF8.GetBytes(missing.GetType().Name));
            }
        }

        return Convert.ToHexStringLower(sum.GetHashAndReset());
    }
}

/// <summary>Says when what files hold has changed and stands still: writers take more than one step. Not thread-safe.</summary>
/// <param name="digest">What they held when they were read last.</param>
internal sealed class SettledChange(string digest)
{
    private string _known = digest;
    private string _seen = digest;

    /// <summary>What they held when they were read last.</summary>
    public string Known => _known;

    /// <summary>True once for each change, at the second look in a row that finds the same.</summary>
    public bool IsSettled(string now)
    {
        var settled = now != _known && now == _seen;
        _seen = now;
        _known = settled ? now : _known;
        return settled;
    }

    /// <summary>They are read now, whatever they hold.</summary>
    public void Read(string now) => _known = _seen = now;
}
