namespace Relay.Testing;

/// <summary>The program that tests of whole nodes start.</summary>
public static class NodeProgram
{
    /// <summary>Where <c>test.sh</c> has published it as the image has it, compiled ahead; empty when nobody has.</summary>
    public static string Published { get; } = Environment.GetEnvironmentVariable("RELAY_NODE") ?? "";

    /// <summary>Path of <c>Relay.Node.dll</c>.</summary>
    public static string Path { get; } = System.IO.Path.Combine(Published.Length > 0 ? Published : AppContext.BaseDirectory, "Relay.Node.dll");
}
