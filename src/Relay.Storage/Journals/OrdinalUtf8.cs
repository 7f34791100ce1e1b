using System.Text;

namespace Relay.Storage.Journals;

/// <summary>Order of names by their UTF-8 bytes, as every store sorts them; UTF-16 order differs beyond the basic plane.</summary>
internal sealed class OrdinalUtf8 : IComparer<string>
{
    public static OrdinalUtf8 Instance { get; } = new();

    public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
}
