using Relay.Protocol;

namespace Relay.Actors.Connections;

/// <summary>
/// <c>sse</c>: a native client that asked for everything with its request and only listens (protocols.md, Server-Sent Events). What it may hear is decided by
/// the rules of the native dialect; a stream does not stand for its agent, so nobody is told when it ends.
/// </summary>
internal sealed class StreamBehaviour(ConnectionCore core) : IClientBehaviour
{
    private readonly ContextBehaviour _native = new(core);

    public void Start()
    {
        var opening = core.Client.Request.Opening!;
        foreach (var command in opening.Subscriptions)
        {
            if (_native.WhyNot(command) is { } reason)
            {
                opening.Decide($"{reason}: {command.Channel}");
                return;
            }
        }

        opening.Decide(null);
        core.Send(new ConnectedMessage { TimestampMicros = core.Now, ClientId = core.Client.ClientId });
        foreach (var command in opening.Subscriptions)
        {
            _native.TryHandle(command);
        }
    }

    public bool TryHandle(ClientCommand command) => false;

    public bool TryReceive(object message) => false;

    public void Stop()
    {
        // Nobody is told that a stream ended.
    }
}
