using System.Diagnostics.CodeAnalysis;

namespace Relay.Cluster.Links;

/// <summary>The peers of a node, found by who they are and by what stands in their frames. Immutable.</summary>
internal sealed class PeerMap
{
    public static readonly PeerMap Empty = new([]);

    private readonly Dictionary<NodeId, LinkPeer> _byId;
    private readonly Dictionary<byte[], LinkPeer>.AlternateLookup<ReadOnlySpan<byte>> _byKey;

    /// <param name="byId">Not changed any more.</param>
    public PeerMap(Dictionary<NodeId, LinkPeer> byId)
    {
        _byId = byId;
        All = [.. byId.Values];
        var byKey = new Dictionary<byte[], LinkPeer>(KeyComparer.Instance);
        foreach (var (id, peer) in byId)
        {
            byKey[LinkFrame.Key(id)] = peer;
        }

        _byKey = byKey.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public IReadOnlyDictionary<NodeId, LinkPeer> ById => _byId;

    public IReadOnlyList<LinkPeer> All { get; }

    public LinkPeer? Find(NodeId id) => _byId.GetValueOrDefault(id);

    public LinkPeer? Find(ReadOnlySpan<byte> key) => _byKey.TryGetValue(key, out var peer) ? peer : null;

    private sealed class KeyComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly KeyComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
