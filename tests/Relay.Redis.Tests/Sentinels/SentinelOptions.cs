using Relay.Testing;

namespace Relay.Redis.Tests.Sentinels;

internal static class SentinelOptions
{
    public static RedisOptions Of(string endpoints, string? name = SentinelSetup.Name, string? password = null, string? sentinelPassword = null) => new()
    {
        Endpoints = RedisOptionsParser.Parse(endpoints).Endpoints,
        Sentinel = name,
        Password = password,
        SentinelPassword = sentinelPassword,
        CommandTimeout = TimeSpan.FromSeconds(30),
        ConnectTimeout = TimeSpan.FromSeconds(30),
        BackoffMin = TimeSpan.FromMilliseconds(20),
    };
}
