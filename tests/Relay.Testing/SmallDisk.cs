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

    /// <summary>Takes what is left, to the last page: a disk that is too full for one write may have room for a smaller one.</summary>
    public async Task FillAsync()
    {
        await using var rest = new FileStream(System.IO.Path.Combine(Path, "rest"), FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        var page = new byte[4096];
        try
        {
            while (true)
            {
                await rest.WriteAsync(page);
            }
        }
        catch (IOException)
        {
            // As was wanted.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Disks.UnmountAsync(Path);
        _folder.Dispose();
    }
}
