using System.Buffers;

namespace Relay.Redis.Connections;

/// <summary>Growing run of bytes to be written in one go. Touched only under the connection's lock, or by the writer loop once it has taken it.</summary>
internal sealed class OutputBuffer : IDisposable
{
    // Holds what a burst of small commands needs; a buffer that a large value has made bigger than Kept is given back after use.
    private const int Initial = 16 * 1024;
    private const int Kept = 1024 * 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(Initial);

    public int Length { get; private set; }

    /// <summary>Commands in this buffer.</summary>
    public int Commands { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    public void Append(ReadOnlySpan<RedisArg> command, int measured)
    {
        Reserve(measured);
        Length += Resp.RespWriter.Write(_bytes.AsSpan(Length, measured), command);
        Commands++;
    }

    public void Append(ReadOnlySpan<byte> encoded)
    {
        Reserve(encoded.Length);
        encoded.CopyTo(_bytes.AsSpan(Length));
        Length += encoded.Length;
        Commands++;
    }

    public void Clear()
    {
        Length = 0;
        Commands = 0;
        if (_bytes.Length <= Kept)
            return;
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = ArrayPool<byte>.Shared.Rent(Initial);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        Length = 0;
    }

    private void Reserve(int more)
    {
        var needed = checked(Length + more);
        if (needed <= _bytes.Length)
            return;
        var grown = ArrayPool<byte>.Shared.Rent((int)Math.Min(Math.Max(needed, _bytes.Length * 2L), Array.MaxLength));
        Written.CopyTo(grown);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = grown;
    }
}
