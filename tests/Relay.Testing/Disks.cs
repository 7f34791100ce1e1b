namespace Relay.Testing;

/// <summary>File systems that a test makes for itself, as small or as forgetful as it wants them. Linux, as root.</summary>
public static class Disks
{
    private static readonly Lazy<string?> Missing = new(FindMissing);

    /// <summary>Why no file system can be mounted here; null when one can.</summary>
    public static string? WhyNot => Missing.Value;

    /// <summary>As <see cref="WhyNot"/>, for <see cref="PowerCutDisk"/>, which needs programs that make file systems besides.</summary>
    public static string? WhyNoPowerCuts => WhyNot ?? WhyNoProgram("mkfs.xfs", "xfsprogs") ?? WhyNoProgram("mkfs.ext4", "e2fsprogs");

    /// <summary>Why a program cannot be run; null when it can.</summary>
    public static string? WhyNoProgram(string program, string package) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)))
            ? null
            : $"{program} was not found: apt-get install {package}";

    internal static Task MountAsync(params string[] arguments) => ServerProcess.RunAsync("mount", arguments, "mount was not found: apt-get install mount");

    /// <summary>A process that was just killed may hold a file for a moment longer.</summary>
    internal static Task UnmountAsync(string path) => Eventually.UntilAsync(
        async () =>
        {
            await ServerProcess.RunAsync("umount", [path], "umount was not found: apt-get install mount");
            return true;
        },
        $"umount {path}");

    // Being root is not enough: a container may have no right to mount. Only trying tells.
    private static string? FindMissing()
    {
        if (!OperatingSystem.IsLinux())
            return "file systems are mounted on Linux only";
        if (!Environment.IsPrivilegedProcess)
            return "only root can mount a file system";
        using var folder = new TempFolder("relay-mount-");
        try
        {
            MountAsync("-t", "tmpfs", "-o", "size=64k", "none", folder.Path).GetAwaiter().GetResult();
            UnmountAsync(folder.Path).GetAwaiter().GetResult();
            return null;
        }
        catch (Exception error) when (error is InvalidOperationException or TimeoutException)
        {
            return $"no file system can be mounted here ({error.Message.Trim()})";
        }
    }
}
