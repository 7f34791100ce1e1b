using System.IO.Compression;
using Relay.Actors.Metrics;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Actors.Fanout;

/// <summary>
/// Events of one channel, framed once for all subscribers of one encoding: architecture.md, decision 5. A server's frames are not masked, so the
/// same bytes serve everyone.
/// <para>
/// The frames stand in a buffer that belongs to the thread and is used again for the next batch. Only when a client cannot take its bytes at once is
/// the batch copied, once, into an array that then lives as long as somebody waits for it. So a batch that everyone takes allocates nothing, and
/// nothing needs a reference count (the rejected alternative: every slow client would hold a pooled buffer hostage, and a missed release is a leak).
/// </para>
/// The thread's batch is used within one turn and never kept; a fan-out of several turns has one of its own.
/// </summary>
public sealed class FrameBatch : IDisposable
{
    /// <summary>
    /// A batch is cut here and sent, so that a burst neither grows the thread's buffer without bound nor makes its copy a large object
    /// (85,000 bytes).
    /// </summary>
    internal const int CutBytes = 64 * 1024;

    /// <summary>
    /// Subscribers from which the better compression pays: it takes three times as long (1 KB of agent text: 31 us in place of 10) and saves a quarter more, once for
    /// all of them (docs/performance.md).
    /// </summary>
    private const int WideAudience = 16;

    [ThreadStatic]
    private static FrameBatch? t_batch;

    [ThreadStatic]
    private static FrameBuffer? t_plain;

    private readonly FrameBuffer _frames = new(16 * 1024);
    private readonly List<int> _ends = [];
    private readonly List<Publication> _events = [];
    private WireEncoding? _encoding;
    private CompressionLevel _level;
    private int _cut;
    private KeptBatch? _kept;

    /// <summary>The current thread's batch, to be encoded into.</summary>
    public static FrameBatch Rent() => t_batch ??= new FrameBatch();

    /// <summary>All frames, one behind the other.</summary>
    public ReadOnlySpan<byte> Bytes => _frames.WrittenSpan;

    /// <summary>Frames in the batch.</summary>
    public int Count => _ends.Count;

    /// <summary>First byte of frame <paramref name="index"/>; <c>Start(Count)</c> is the length of all.</summary>
    public int Start(int index) => index == 0 ? 0 : _ends[index - 1];

    /// <summary>
    /// Makes it frames of <paramref name="events"/> from <paramref name="from"/> on until the batch is full or the events are done; returns the index of
    /// the first event that is not in it. Frames of these very events that it holds already are left as they are: clients that come back together miss the same.
    /// </summary>
    /// <param name="events">Events of one channel.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="encoding">Whose frames.</param>
    /// <param name="audience">How many the frames are for.</param>
    /// <param name="cut">Bytes from which the batch is full.</param>
    public int Encode(ReadOnlySpan<Publication> events, int from, WireEncoding encoding, int audience, int cut = CutBytes)
    {
        var level = audience < WideAudience ? CompressionLevel.Fastest : CompressionLevel.Optimal;
        if (_cut == cut && Holds(events[from..], encoding, level))
        {
            return from + Count;
        }

        Clear();
        (_encoding, _level, _cut) = (encoding, level, cut);
        var at = from;
        while (at < events.Length && _frames.Length < cut)
        {
            Encode(events[at++], encoding, level);
        }

        return at;
    }

    /// <summary>The batch in memory that stays; made once.</summary>
    internal KeptBatch Keep() => _kept ??= new KeptBatch(_frames.ToArray(), [.. _ends], [.. _events]);

    /// <summary>Gives the buffer back; for batches of one's own, never for the thread's.</summary>
    public void Dispose() => _frames.Dispose();

    private void Encode(Publication publication, WireEncoding encoding, CompressionLevel level)
    {
        var opcode = encoding.Dialect.Profile.IsBinary ? Opcode.Binary : Opcode.Text;
        if (encoding.Dialect.Profile.IsStream)
        {
            encoding.Dialect.EncodeEvent(publication, _frames);
        }
        else if (encoding.Deflate)
        {
            var plain = t_plain ??= new FrameBuffer();
            plain.Reset();
            encoding.Dialect.EncodeEvent(publication, plain);
            if (plain.Length >= encoding.CompressionThreshold)
            {
                _frames.BeginFrame(opcode);
                Deflater.Compress(plain.WrittenSpan, _frames, level);
                _frames.EndFrame(rsv1: true);
            }
            else
            {
                FrameWriter.Write(_frames, opcode, plain.WrittenSpan);
            }
        }
        else
        {
            _frames.BeginFrame(opcode);
            encoding.Dialect.EncodeEvent(publication, _frames);
            _frames.EndFrame();
        }

        _ends.Add(_frames.Length);
        _events.Add(publication);
    }

    private bool Holds(ReadOnlySpan<Publication> events, WireEncoding encoding, CompressionLevel level)
    {
        if (_encoding != encoding || _level != level || _events.Count == 0 || _events.Count > events.Length)
        {
            return false;
        }

        for (var i = 0; i < _events.Count; i++)
        {
            if (_events[i] != events[i])
            {
                return false;
            }
        }

        return true;
    }

    private void Clear()
    {
        _encoding = null;
        _frames.Reset();
        _ends.Clear();
        _events.Clear();
        _kept = null;
    }
}

/// <summary>One way in which events become frames. All connections of one dialect with the same extension share one instance.</summary>
public sealed class WireEncoding
{
    /// <summary>Most ways there are: every dialect, compressed or not.</summary>
    public const int MaxSlots = 2 * ((int)DialectKind.Sse + 1);

    /// <summary>Describes a way.</summary>
    public WireEncoding(IDialect dialect, bool deflate, int compressionThreshold)
    {
        Dialect = dialect;
        Deflate = deflate;
        CompressionThreshold = compressionThreshold;
        Slot = ((int)dialect.Profile.Kind * 2) + (deflate ? 1 : 0);
    }

    /// <summary>The words.</summary>
    public IDialect Dialect { get; }

    /// <summary>Whether large events are compressed.</summary>
    public bool Deflate { get; }

    /// <summary>Bytes from which compression is used.</summary>
    public int CompressionThreshold { get; }

    /// <summary>Index of this way, below <see cref="MaxSlots"/>.</summary>
    public int Slot { get; }

    /// <summary>What is counted of the connections that share it.</summary>
    public ClientTraffic Traffic { get; init; } = new();
}
