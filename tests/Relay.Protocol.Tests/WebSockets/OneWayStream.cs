namespace Relay.Protocol.Tests.WebSockets;

/// <summary>The far end of a connection that gives its input and then the end, and takes and forgets what is written.</summary>
internal sealed class OneWayStream(byte[] input) : MemoryStream(input, writable: false)
{
    public override bool CanWrite => true;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Write(byte[] buffer, int offset, int count)
    {
        // Pongs and close frames of the platform are not looked at.
    }
}
