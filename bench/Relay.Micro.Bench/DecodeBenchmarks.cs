using BenchmarkDotNet.Attributes;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Micro.Bench;

/// <summary>From bytes to commands. One operation is one frame; a read brings 64.</summary>
[MemoryDiagnoser]
public class DecodeBenchmarks
{
    private const int Frames = 64;
    private readonly byte[] _read = Samples.Read(Frames);
    private readonly byte[] _publish = Samples.Publish(1);
    private readonly FrameReader _reader = new(FrameLimits.Default);
    private readonly IDialect _native = Dialects.ByKind(DialectKind.Relay);

    /// <summary>Frames alone: header, unmasking, UTF-8 check.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public int Frames_of_one_read() => Take(decode: false);

    /// <summary>Frames and the native publish in each.</summary>
    [Benchmark(OperationsPerInvoke = Frames)]
    public int Frames_and_publishes_of_one_read() => Take(decode: true);

    /// <summary>The native publish alone.</summary>
    [Benchmark]
    public object? Native_publish() => _native.Decode(_publish, binary: false);

    private int Take(bool decode)
    {
        ReadOnlySpan<byte> rest = _read;
        var count = 0;
        while (_reader.Read(rest, out var consumed, out var message) == FrameStatus.Message)
        {
            rest = rest[consumed..];
            count += !decode || _native.Decode(message.Span, binary: false) is PublishCommand ? 1 : 0;
        }

        return count == Frames ? count : throw new InvalidOperationException($"{count} of {Frames} frames were read");
    }
}
