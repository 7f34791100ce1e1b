namespace Relay.Kernel.Cells;

/// <summary>State of a cell. Written by the cell's own turn only.</summary>
[Flags]
internal enum CellFlags
{
    None = 0,

    /// <summary>The instance was never created: the first turn does it.</summary>
    Starting = 1,

    /// <summary>Failed; waits for its supervisor or for the end of a back-off.</summary>
    Suspended = 2,

    /// <summary>The old instance is gone, the new one does not exist yet.</summary>
    Recreating = 4,

    /// <summary>Stop was asked for; waits for its children.</summary>
    Stopping = 8,

    Terminated = 16,

    /// <summary>The instance is an <see cref="IBatchReceiver"/>.</summary>
    BatchReceiver = 32,

    /// <summary>A message was handled since the last batch hook.</summary>
    BatchDirty = 64,

    HasBehavior = 128,

    HasReceiveTimeout = 256,

    /// <summary>The actor wants no further message in this turn.</summary>
    Yielding = 512,

    /// <summary>In any of these no user message is handled.</summary>
    NotReceiving = Starting | Suspended | Recreating | Stopping | Terminated,

    /// <summary>In any of these the turn handles no further message.</summary>
    TurnIsOver = NotReceiving | Yielding,

    /// <summary>In any of these a message does not go straight to <c>OnReceive</c>.</summary>
    Indirect = BatchReceiver | HasBehavior | HasReceiveTimeout,
}
