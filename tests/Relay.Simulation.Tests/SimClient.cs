using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Relay.Actors.Connections;
using Relay.Protocol;
using Relay.Protocol.WebSockets;

namespace Relay.Simulation.Tests;

/// <summary>
/// A native client: connects to one node, to another when that is gone, speaks in JSON and answers pings. What it does with its connection is its heir's.
/// </summary>
internal abstract class SimClient(SimWorld world, string name)
{
    private readonly List<string> _unsent = [];
    private SimTransport? _transport;
    private IMessageHandler? _handler;
    private FrameReader? _frames;
    private ValueTask _reading;
    private bool _waits;
    private bool _hasPing;
    private long _requests;

    public string Name => name;

    public SimNode? Node { get; private set; }

    protected SimWorld World => world;

    public bool IsConnected => _handler is not null;

    /// <summary>Connects to any node that lives, now or when there is one.</summary>
    public void Connect()
    {
        var nodes = world.Living.Where(static node => node is { IsPaused: false, IsLeaving: false }).ToList();
        if (IsConnected || nodes.Count == 0)
        {
            world.After(100, () =>
            {
                if (!IsConnected)
                {
                    Connect();
                }
            });
            return;
        }

        Node = nodes[world.Random.Next(nodes.Count)];
        world.Note($"{name} connects to {Node.Id}");
        _unsent.Clear();
        (_waits, _hasPing) = (false, false);
        _frames = new FrameReader(FrameLimits.ForMessagesOf(1 << 20), FrameRole.Client, deflate: false);
        _transport = new SimTransport();
        var request = new ConnectionRequest { Dialect = Dialects.ByKind(DialectKind.Relay), Listener = "main", RemoteAddress = "10.0.0.1:1" };
        _handler = Node.Relay.Open(request, _transport);
        Connected();
    }

    /// <summary>Hangs up, or finds its node gone; comes back after a while.</summary>
    public void Disconnect()
    {
        if (!IsConnected)
        {
            return;
        }

        world.Note($"{name} is disconnected");
        var handler = _handler!;
        _handler = null;
        Node!.Run(() => handler.OnDisconnected(null));
        Disconnected();
        world.After(world.Random.Next(10, 1000), Connect);
    }

    /// <summary>Reads what came, writes what may be written; false when there is nothing to do.</summary>
    public bool Pump()
    {
        if (_handler is null)
        {
            return false;
        }

        if (Node!.IsOver || _transport!.IsEnded)
        {
            Disconnect();
            return true;
        }

        var ran = Read();
        if (_handler is null || Node.IsPaused)
        {
            return ran;
        }

        if (_waits && _reading.IsCompleted)
        {
            _waits = false;
            _reading.GetAwaiter().GetResult();
        }

        if (_waits || (_unsent.Count == 0 && !_hasPing))
        {
            return ran;
        }

        Write();
        return true;
    }

    /// <summary>Everything this client waits for has come.</summary>
    public abstract bool IsSettled { get; }

    protected abstract void Connected();

    protected abstract void Disconnected();

    protected abstract void OnFrame(JsonElement frame);

    protected string NextRequest() => $"{name}/{++_requests}";

    protected void Send(string message) => _unsent.Add(message);

    [SuppressMessage("Reliability", "CA2012:Use ValueTasks correctly", Justification = "Consumed once, by Pump, when it has completed.")]
    private void Write()
    {
        _hasPing = false;
        foreach (var message in _unsent)
        {
            _handler!.OnMessage(Encoding.UTF8.GetBytes(message), binary: false);
        }

        _unsent.Clear();
        _reading = _handler!.OnReadCompletedAsync(false);
        _waits = true;
    }

    private bool Read()
    {
        if (!_transport!.TryTake(out var bytes))
        {
            return false;
        }

        for (var at = 0; at < bytes.Length && _handler is not null;)
        {
            var status = _frames!.Read(bytes.AsSpan(at), out var used, out var message);
            at += used;
            if (status != FrameStatus.Message)
            {
                continue;
            }

            switch (message.Kind)
            {
                case MessageKind.Text:
                    using (var document = JsonDocument.Parse(message.Text))
                    {
                        OnFrame(document.RootElement);
                    }

                    break;
                case MessageKind.Ping:
                    _hasPing = true;
                    break;
                case MessageKind.Close:
                    Disconnect();
                    break;
            }
        }

        return true;
    }

    /// <summary>A socket that takes everything.</summary>
    private sealed class SimTransport : ITransport
    {
        private readonly MemoryStream _bytes = new();

        public bool IsEnded { get; private set; }

        public bool TryTake(out byte[] bytes)
        {
            bytes = _bytes.Length > 0 ? _bytes.ToArray() : [];
            _bytes.SetLength(0);
            return bytes.Length > 0;
        }

        public int TrySend(ReadOnlySpan<byte> bytes)
        {
            _bytes.Write(bytes);
            return bytes.Length;
        }

        public ValueTask<bool> SendAsync(IList<ArraySegment<byte>> segments) => throw new InvalidOperationException("nothing ever waits here");

        public void Finish(TimeSpan linger) => IsEnded = true;

        public void Abort() => IsEnded = true;
    }
}
