namespace Relay.Testing;

/// <summary>A file system in memory that is full soon, and grows when the test says so. See <see cref="Disks.WhyNot"/>.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly TempFolder _folder = new("relay-small-");

    private SmallDisk()
    {
    }

    public string Path => _folder.Path;

    public static async Task<SmallDisk> MountAsync(int kilobytes)
    {
        var disk = new SmallDisk();
        try
        {
            await Disks.MountAsync("-t", "tmpfs", "-o", $"size={kilobytes}k", "none", disk.Path);
            return disk;
        }
        catch
        {
            disk._folder.Dispose();
            throw;
        }
    }

    public Task GrowAsync(int kilobytes) => Disks.MountAsync("-o", $"remount,size={kilobytes}k", Path);

    public async ValueTask DisposeAsync()
    {
        await Disks.UnmountAsync(Path);
        _folder.Dispose();
    }
}
