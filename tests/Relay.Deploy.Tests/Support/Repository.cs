using System.Reflection;

namespace Relay.Deploy.Tests.Support;

/// <summary>The files that are checked.</summary>
internal static class Repository
{
    public static string Root { get; } =
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static data => data.Key == "Root").Value!;

    public static string Checks { get; } = File("tests", "Relay.Deploy.Tests", "checks");

    public static string File(params string[] names) => Path.Combine([Root, .. names]);
}
