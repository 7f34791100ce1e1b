namespace Relay.Protocol;

/// <summary>The checks of a native <c>publish_batch</c>, one for JSON and protobuf.</summary>
internal static class NativeBatch
{
    /// <summary>Most items of one batch.</summary>
    public const int MaxItems = 1000;

    public static ClientCommand Of(RequestId id, IReadOnlyList<ClientCommand> items) =>
        items.Count is 0 or > MaxItems ? Invalid(id) : new PublishBatchCommand { RequestId = id, Items = items };

    /// <summary>The refusal of a batch whose items cannot be told apart.</summary>
    public static RejectedCommand Invalid(RequestId id) =>
        NativeRequests.Reject(id, ErrorCode.InvalidMessage, $"Invalid items: expected a list of 1 to {MaxItems} publishes");

    /// <summary>The refusal of an <c>if_version</c> that cannot be read.</summary>
    public static RejectedCommand InvalidVersion(RequestId id) =>
        NativeRequests.Reject(id, ErrorCode.InvalidMessage, "Invalid if_version: expected 0, or an epoch and an offset as received");
}
