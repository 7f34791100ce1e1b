using System.Buffers;
using System.IO.Compression;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Compresses messages for permessage-deflate without context takeover, so that one result serves every subscriber.
/// Safe to call from any thread: nothing is shared between calls but the array pool.
/// </summary>
/// <remarks>
/// <see cref="DeflateStream.Flush"/> ends the data with a sync flush (an empty stored block: 00 00 FF FF at the end), which is the form
/// RFC 7692 §7.2.1 asks for; it does nothing when no byte was written, so the empty message is a constant. Disposing the
/// stream writes a final block that must not be sent: the sink is sealed before. A <see cref="DeflateStream"/> cannot be reset,
/// so each message takes a new one; the cost falls once per batch and dialect, not per subscriber.
/// </remarks>
public static class Deflater
{
    /// <summary>Below this many bytes compression does not pay: deflate saves little and a frame that small is one packet anyway.</summary>
    public const int WorthwhileBytes = 256;

    /// <summary>Writes the compressed payload of one message; its frame needs RSV1 (RFC 7692 §6.1).</summary>
    /// <returns>Bytes written.</returns>
    public static int Compress(ReadOnlySpan<byte> message, IBufferWriter<byte> output, CompressionLevel level = CompressionLevel.Fastest)
    {
        ArgumentNullException.ThrowIfNull(output);
        using var sink = new Sink(message.Length);
        ReadOnlySpan<byte> compressed = Compress(message, sink, level);
        output.Write(compressed);
        return compressed.Length;
    }

    /// <summary>The compressed payload of one message as an array of its own.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> message, CompressionLevel level = CompressionLevel.Fastest)
    {
        using var sink = new Sink(message.Length);
        return Compress(message, sink, level).ToArray();
    }

    private static ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> message, Sink sink, CompressionLevel level)
    {
        if (message.IsEmpty)
        {
            // RFC 7692 §7.2.3.6: the header of an empty stored block, whose length fields are the tail that is cut off.
            return PerMessageDeflate.EmptyMessage;
        }

        using (var deflate = new DeflateStream(sink, level, leaveOpen: true))
        {
            deflate.Write(message);
            deflate.Flush();
            sink.Seal();
        }

        ReadOnlySpan<byte> written = sink.Written;
        if (!written.EndsWith(PerMessageDeflate.Tail))
        {
            throw new InvalidOperationException("The deflate stream did not end with a sync flush.");
        }

        return written[..^PerMessageDeflate.Tail.Length];
    }

    /// <summary>A rented, growing array behind a stream; ignores what comes after <see cref="Seal"/>.</summary>
    private sealed class Sink(int messageLength) : Stream
    {
        private byte[] _array = ArrayPool<byte>.Shared.Rent((messageLength / 2) + 64);
        private int _length;
        private bool _sealed;

        public ReadOnlySpan<byte> Written => _array.AsSpan(0, _length);

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public void Seal() => _sealed = true;

        public override void Flush()
        {
            // Everything is in the array at once.
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (_sealed)
            {
                return;
            }

            if (_length + buffer.Length > _array.Length)
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_array.Length * 2, _length + buffer.Length));
                Written.CopyTo(larger);
                ArrayPool<byte>.Shared.Return(_array);
                _array = larger;
            }

            buffer.CopyTo(_array.AsSpan(_length));
            _length += buffer.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (_array.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_array);
                _array = [];
            }

            base.Dispose(disposing);
        }
    }
}
