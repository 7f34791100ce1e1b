using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Relay.Protocol.WebSockets;

/// <summary>
/// Reads the frames of one connection (RFC 6455 §5, RFC 7692 §6) and yields complete messages.
/// Owned by that connection's receive loop; nobody else touches it.
/// </summary>
/// <remarks>
/// <para>Push style: all input is always taken, so the caller's pipe holds nothing back between reads. What belongs to
/// an unfinished frame lives here: at most 14 header bytes in the object and the payload received so far in a rented
/// buffer. Without an unfinished message the reader holds no buffer at all, which is what an idle connection costs.</para>
/// <para>Buffers grow with the bytes that arrived, never with the length a header announces. A rule is checked as soon as
/// the bytes that break it are there: masking and opcodes at the second header byte, lengths before the masking key has
/// come, text at every piece received. So the verdict on a stream does not depend on how it was cut into reads.</para>
/// <para>Call until something other than <see cref="FrameStatus.Message"/> is returned: that last call returns the buffers.</para>
/// </remarks>
public sealed class FrameReader : IDisposable
{
    private readonly FrameLimits _limits;
    private readonly bool _fromClient;
    private readonly bool _deflate;

    private MessageBuffer _data;
    private MessageBuffer _control;
    private byte[]? _inflated;

    // The frame being read. _remaining counts payload bytes still to come.
    private int _remaining;
    private int _phase;
    private uint _key;
    private Opcode _opcode;
    private bool _final;
    private bool _inFrame;

    // The message being read: the opcode of its first frame, or Continuation when there is none.
    private Opcode _messageOpcode;
    private bool _compressed;
    private int _fragments;

    private bool _ended;
    private int _headerFill;
    private HeaderBytes _header;

    /// <param name="limits">Bounds of what the peer may send.</param>
    /// <param name="role">Which side reads.</param>
    /// <param name="deflate">Whether permessage-deflate without context takeover was negotiated for what the peer sends.</param>
    public FrameReader(FrameLimits limits, FrameRole role = FrameRole.Server, bool deflate = false)
    {
        ArgumentNullException.ThrowIfNull(limits);
        _limits = limits;
        _fromClient = role == FrameRole.Server;
        _deflate = deflate;
    }

    /// <summary>Set once <see cref="FrameStatus.ProtocolError"/> was returned.</summary>
    public FrameError Error { get; private set; }

    /// <summary>
    /// Whether bytes of an unfinished frame or message were received, a partial header included: the caller runs its
    /// deadline for unfinished messages while this is true after a read.
    /// </summary>
    public bool IsMessageIncomplete => !_ended && (_headerFill > 0 || _inFrame || _messageOpcode != Opcode.Continuation);

    /// <summary>Bytes of rented buffers held now; 0 when nothing is unfinished.</summary>
    public int HeldBytes => _data.Capacity + _control.Capacity + (_inflated?.Length ?? 0);

    /// <summary>
    /// Takes input up to the end of the next complete message.
    /// </summary>
    /// <param name="input">Advanced past what was taken: everything, unless a message is returned.</param>
    /// <param name="message">The message when <see cref="FrameStatus.Message"/> is returned; valid until the next call.</param>
    public FrameStatus Read(ref ReadOnlySequence<byte> input, out WebSocketMessage message)
    {
        FrameStatus last = FrameStatus.NeedMoreData;
        message = default;
        if (input.IsEmpty)
        {
            return Read([], out _, out message);
        }

        SequencePosition next = input.Start;
        SequencePosition start = next;
        while (input.TryGet(ref next, out ReadOnlyMemory<byte> segment))
        {
            last = Read(segment.Span, out int consumed, out message);
            if (last == FrameStatus.Message)
            {
                input = input.Slice(input.GetPosition(consumed, start));
                return last;
            }

            if (last == FrameStatus.ProtocolError)
            {
                break;
            }

            start = next;
        }

        input = input.Slice(input.End);
        return last;
    }

    /// <summary>As <see cref="Read(ref ReadOnlySequence{byte}, out WebSocketMessage)"/>, for one contiguous piece: the fastest form.</summary>
    /// <param name="input">Bytes received. The reader keeps no reference to it.</param>
    /// <param name="consumed">Bytes taken: all of them, unless a message is returned.</param>
    /// <param name="message">The message when <see cref="FrameStatus.Message"/> is returned; valid until the next call.</param>
    public FrameStatus Read(ReadOnlySpan<byte> input, out int consumed, out WebSocketMessage message)
    {
        message = default;
        consumed = input.Length;
        if (_ended)
        {
            Dispose();
            return FrameStatus.Ended;
        }

        int position = 0;
        while (_inFrame || TakeHeader(input, ref position))
        {
            int count = Math.Min(_remaining, input.Length - position);
            if (!TakePayload(input.Slice(position, count)))
            {
                return Fail();
            }

            position += count;
            if (_remaining > 0)
            {
                ReleaseUnused();
                return FrameStatus.NeedMoreData;
            }

            if (CompleteFrame(out message))
            {
                consumed = position;
                return FrameStatus.Message;
            }

            if (_ended)
            {
                return Fail();
            }
        }

        if (_ended)
        {
            return Fail();
        }

        ReleaseUnused();
        return FrameStatus.NeedMoreData;
    }

    /// <summary>Returns every buffer to the pool. The last message is invalid from now on; the reader reads no more.</summary>
    public void Dispose()
    {
        _ended = true;
        _data.Release();
        _control.Release();
        ReleaseInflated();
    }

    /// <summary>Takes one header from the input; false when bytes are missing (they are kept) or a rule is broken.</summary>
    private bool TakeHeader(ReadOnlySpan<byte> input, ref int position)
    {
        if (_headerFill == 0)
        {
            ReadOnlySpan<byte> rest = input[position..];
            int size = BeginFrame(rest);
            if (size > 0)
            {
                position += size;
                return true;
            }

            // Fewer bytes than a header needs, so at most 13 of them.
            if (!_ended)
            {
                rest.CopyTo(_header);
                _headerFill = rest.Length;
                position = input.Length;
            }

            return false;
        }

        while (position < input.Length)
        {
            _header[_headerFill++] = input[position++];
            if (BeginFrame(((ReadOnlySpan<byte>)_header)[.._headerFill]) > 0)
            {
                _headerFill = 0;
                return true;
            }

            if (_ended)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>
    /// Checks as much of a header as is there and begins the frame when all of it is.
    /// Returns the header's size, or 0 when bytes are missing or a rule is broken (then <see cref="_ended"/> is set).
    /// </summary>
    private int BeginFrame(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 2)
        {
            return 0;
        }

        string? broken = FrameRules.FindBrokenRule(bytes[0], bytes[1], _fromClient, _messageOpcode != Opcode.Continuation, _deflate);
        if (broken is not null)
        {
            return Refuse(CloseCode.ProtocolError, broken);
        }

        ulong length = (ulong)(bytes[1] & 0x7F);
        int size = 2;
        if (length >= 126)
        {
            size = length == 126 ? 4 : 10;
            if (bytes.Length < size)
            {
                return 0;
            }

            ulong least = length == 126 ? 126UL : 65536UL;
            length = size == 4 ? BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) : BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]);
            if (length < least || length > long.MaxValue)
            {
                return Refuse(CloseCode.ProtocolError, length < least ? "length not in its shortest form" : "length has its top bit set");
            }
        }

        var opcode = (Opcode)(bytes[0] & 0x0F);
        if (opcode < Opcode.Close && !CheckMessage(bytes[0], length))
        {
            return 0;
        }

        uint key = 0;
        if (_fromClient)
        {
            if (bytes.Length < size + 4)
            {
                return 0;
            }

            key = BinaryPrimitives.ReadUInt32LittleEndian(bytes[size..]);
            size += 4;
        }

        StartFrame(opcode, bytes[0], (int)length, key);
        return size;
    }

    private void StartFrame(Opcode opcode, byte first, int length, uint key)
    {
        _opcode = opcode;
        _final = first >= 0x80;
        _remaining = length;
        _key = key;
        _phase = 0;
        _inFrame = true;
        if (opcode >= Opcode.Close)
        {
            _control.Clear();
            return;
        }

        _fragments++;
        if (opcode != Opcode.Continuation)
        {
            _messageOpcode = opcode;
            _compressed = (first & 0x40) != 0;
            _data.Clear();
        }
    }

    /// <summary>The bounds of a data message, by what its header announces.</summary>
    private bool CheckMessage(byte first, ulong length)
    {
        bool begins = (first & 0x0F) != 0;
        bool compressed = begins ? (first & 0x40) != 0 : _compressed;
        long limit = compressed ? _limits.MaxCompressedBytes : _limits.MaxMessageBytes;
        long received = begins ? 0 : _data.Length;
        if (length > (ulong)(limit - received))
        {
            return Refuse(CloseCode.MessageTooBig, "message too big") != 0;
        }

        return _fragments < _limits.MaxFragments || Refuse(CloseCode.PolicyViolation, "too many fragments") != 0;
    }

    private bool TakePayload(ReadOnlySpan<byte> piece)
    {
        if (piece.IsEmpty)
        {
            return true;
        }

        bool control = _opcode >= Opcode.Close;
        ref MessageBuffer target = ref control ? ref _control : ref _data;
        Span<byte> destination = target.Append(piece.Length);
        if (_fromClient)
        {
            Masking.Apply(destination, piece, _key, _phase);
        }
        else
        {
            piece.CopyTo(destination);
        }

        _phase += piece.Length;
        _remaining -= piece.Length;

        // A message that ends with this piece is checked as a whole in CompleteFrame.
        bool last = _remaining == 0 && _final;
        if (control || last || _messageOpcode != Opcode.Text || _compressed || target.CheckTextSoFar())
        {
            return true;
        }

        Refuse(CloseCode.InvalidPayload, "text is not UTF-8");
        return false;
    }

    private bool CompleteFrame(out WebSocketMessage message)
    {
        _inFrame = false;
        message = default;
        if (_opcode >= Opcode.Close)
        {
            return CompleteControl(out message);
        }

        return _final && CompleteMessage(out message);
    }

    private bool CompleteMessage(out WebSocketMessage message)
    {
        message = default;
        var kind = (MessageKind)_messageOpcode;
        ReadOnlyMemory<byte> payload;
        bool valid;
        if (_compressed)
        {
            if (!TryInflate(out payload))
            {
                return false;
            }

            valid = kind != MessageKind.Text || System.Text.Unicode.Utf8.IsValid(payload.Span);
        }
        else
        {
            payload = _data.Memory;
            valid = kind != MessageKind.Text || _data.CheckTextAtEnd();
        }

        if (!valid)
        {
            return Refuse(CloseCode.InvalidPayload, "text is not UTF-8") != 0;
        }

        _messageOpcode = Opcode.Continuation;
        _fragments = 0;
        _data.Clear();
        message = new WebSocketMessage(kind, payload);
        return true;
    }

    private bool CompleteControl(out WebSocketMessage message)
    {
        ReadOnlyMemory<byte> payload = _control.Memory;
        _control.Clear();
        if (_opcode != Opcode.Close)
        {
            message = new WebSocketMessage((MessageKind)_opcode, payload);
            return true;
        }

        message = default;
        if (!FrameRules.TryReadClose(ref payload, out int code, out FrameError error))
        {
            return Refuse(error.Code, error.Reason) != 0;
        }

        _ended = true;
        message = new WebSocketMessage(MessageKind.Close, payload, code);
        return true;
    }

    private bool TryInflate(out ReadOnlyMemory<byte> payload)
    {
        payload = default;
        if (_data.Length == 0)
        {
            // Strictly one byte (RFC 7692 §7.2.3.6), but a sender whose second flush gives nothing sends none.
            return true;
        }

        // RFC 7692 §7.2.2: the four bytes every sender cuts off.
        PerMessageDeflate.Tail.CopyTo(_data.Append(PerMessageDeflate.Tail.Length));
        InflateStatus status = Inflater.Inflate(_data.Memory.Span, ref _inflated, _limits.MaxInflatedBytes, out int length);
        payload = _inflated.AsMemory(0, length);
        switch (status)
        {
            case InflateStatus.Done:
                return true;
            case InflateStatus.TooLarge:
                Refuse(CloseCode.MessageTooBig, "message too big when inflated");
                return false;
            default:
                Refuse(CloseCode.InvalidPayload, "broken deflate stream");
                return false;
        }
    }

    /// <summary>Always 0, so that a check can end with it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Refuse(int code, string reason)
    {
        Error = new FrameError(code, reason);
        _ended = true;
        return 0;
    }

    private FrameStatus Fail()
    {
        Dispose();
        return FrameStatus.ProtocolError;
    }

    private void ReleaseUnused()
    {
        _data.ReleaseIfEmpty();
        _control.ReleaseIfEmpty();
        ReleaseInflated();
    }

    private void ReleaseInflated()
    {
        if (_inflated is not null)
        {
            ArrayPool<byte>.Shared.Return(_inflated);
            _inflated = null;
        }
    }

    [InlineArray(HeaderBytesSize)]
    private struct HeaderBytes
    {
        private byte _first;
    }

    // 2 bytes, 8 of extended length, 4 of masking key.
    private const int HeaderBytesSize = 14;
}
