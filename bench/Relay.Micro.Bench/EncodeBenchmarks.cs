using BenchmarkDotNet.Attributes;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Micro.Bench;

/// <summary>From an event to its frame, once per dialect and event however many subscribers there are. One operation is one event.</summary>
[MemoryDiagnoser]
public class EncodeBenchmarks
{
    private const int Events = 64;
    private readonly Publication[] _events = Samples.Events(Events);
    private readonly FrameBuffer _frames = new(64 * 1024);
    private IDialect _dialect = null!;

    [Params(DialectKind.Relay, DialectKind.RelayProtobuf, DialectKind.Context, DialectKind.Hooks, DialectKind.Projects, DialectKind.Updates, DialectKind.WebUi)]
    public DialectKind Dialect { get; set; }

    [GlobalSetup]
    public void Choose() => _dialect = Dialects.ByKind(Dialect);

    [Benchmark(OperationsPerInvoke = Events)]
    public int Event_to_frame()
    {
        _frames.Reset();
        foreach (var publication in _events)
        {
            _frames.BeginFrame(_dialect.Profile.IsBinary ? Opcode.Binary : Opcode.Text);
            _dialect.EncodeEvent(publication, _frames);
            _frames.EndFrame();
        }

        return _frames.Length;
    }
}
