using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace Relay.Storage.Journals.Sqlite;

/// <summary>
/// A small file beside the database that says which commit it has seen last. SQLite drops the end of a torn write-ahead log without a word, and a database without
/// its log, or an old copy of it, opens as if nothing were missing. A journal whose commits are fewer than the mark says has lost its tail.
/// </summary>
/// <remarks>
/// Written through a memory map after every commit, never flushed: it survives the death of the process, costs nothing, and after a power cut it is
/// at most behind, which is harmless, because it is only written when the commit is already on the disk. Layout, little endian: magic (8), identity of the
/// database (8), commits (8). A missing mark beside a database means that somebody restored the database.
/// </remarks>
internal sealed class CommitMark : IDisposable
{
    private const ulong Magic = 0x314B52414D594C52; // "RLYMARK1"
    private const int Bytes = 24;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private CommitMark(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, Bytes);
    }

    /// <summary>Commits the mark has seen of the database <paramref name="identity"/>; null when it is missing, damaged or another one's.</summary>
    public static long? Read(string path, long identity)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var bytes = File.ReadAllBytes(path);
        return bytes.Length == Bytes && BinaryPrimitives.ReadUInt64LittleEndian(bytes) == Magic && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) == identity
            ? BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16))
            : null;
    }

    /// <summary>Writes the mark anew, flushed, and keeps it open.</summary>
    public static CommitMark Create(string path, long identity, long commits)
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), identity);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), commits);
        using (var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
        {
            // Over what is there, never cut off first: a node that died in between would find no mark, and its disk may be full.
            stream.Write(bytes);
            stream.SetLength(Bytes);
            stream.Flush(flushToDisk: true);
        }

        return new CommitMark(MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, Bytes));
    }

    public void Set(long commits) => _view.Write(16, commits);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
