using Relay.Redis.Commands;

namespace Relay.Redis.Cluster;

/// <summary>The steps on a cluster's state; each file says what its step does.</summary>
internal static class ClusterScripts
{
    public static RedisScript Heartbeat { get; } = OnState("heartbeat.lua");

    public static RedisScript Claim { get; } = OnState("claim.lua");

    public static RedisScript HandOver { get; } = OnState("handover.lua");

    public static RedisScript Release { get; } = OnState("release.lua");

    public static RedisScript Leave { get; } = OnState("leave.lua");

    public static RedisScript Reserve { get; } = RedisScript.FromResource(typeof(ClusterScripts).Assembly, "reserve.lua");

    private static RedisScript OnState(string name) => RedisScript.FromResource(typeof(ClusterScripts).Assembly, name, prelude: "prelude.lua");
}
