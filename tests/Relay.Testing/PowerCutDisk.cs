using System.Globalization;

namespace Relay.Testing;

/// <summary>
/// A disk that forgets what was written and not synchronised: ext4 in a file that lies on XFS. A reflink copy of that file holds what had reached the disk at
/// that moment; what ext4 had only in memory is not in it. See <see cref="Disks.WhyNoPowerCuts"/>.
/// </summary>
public sealed class PowerCutDisk : IAsyncDisposable
{
    private readonly TempFolder _folder = new("relay-power-");
    private bool _hasXfs;
    private bool _hasDisk;
    private int _image;

    private PowerCutDisk()
    {
        // A server that runs as another user reaches its folder through this one.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.Path, File.GetUnixFileMode(_folder.Path) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        Directory.CreateDirectory(Xfs);
        Directory.CreateDirectory(Path);
    }

    /// <summary>Where it is mounted, before and after a cut.</summary>
    public string Path => _folder.File("disk");

    private string Xfs => _folder.File("xfs");

    private string Image => System.IO.Path.Combine(Xfs, $"disk{_image.ToString(CultureInfo.InvariantCulture)}.img");

    /// <param name="megabytes">Its size; what is not written takes no space.</param>
    public static async Task<PowerCutDisk> MountAsync(int megabytes)
    {
        var disk = new PowerCutDisk();
        try
        {
            await disk.MakeAsync(megabytes);
            return disk;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// The power goes and comes back. Every process that used the disk must have been killed before: what it has told the world it told before the cut. What it
    /// had not synchronised is in the kernel's memory still, and gone afterwards.
    /// </summary>
    public async Task CutAsync()
    {
        var old = Image;
        _image++;
        await RunAsync("cp", "--reflink=always", old, Image);
        await Disks.UnmountAsync(Path);
        _hasDisk = false;
        File.Delete(old);
        await MountImageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_hasDisk)
            await Disks.UnmountAsync(Path);
        if (_hasXfs)
            await Disks.UnmountAsync(Xfs);
        _folder.Dispose();
    }

    private static Task RunAsync(string program, params string[] arguments) => ServerProcess.RunAsync(program, arguments, $"{program} was not found");

    private async Task MakeAsync(int megabytes)
    {
        // Room for the disk and the pages in which a copy differs; XFS wants 300 MB at least.
        var ground = _folder.File("xfs.img");
        MakeFile(ground, 512 + (3L * megabytes));
        await RunAsync("mkfs.xfs", "-q", "-m", "reflink=1", ground);
        await Disks.MountAsync("-o", "loop", ground, Xfs);
        _hasXfs = true;
        MakeFile(Image, megabytes);
        await RunAsync("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", Image);
        await MountImageAsync();
    }

    // ext4 plays its own log back here, as after any power cut.
    private async Task MountImageAsync()
    {
        await Disks.MountAsync("-o", "loop", Image, Path);
        _hasDisk = true;
    }

    private static void MakeFile(string path, long megabytes)
    {
        using var file = File.Create(path);
        file.SetLength(megabytes * 1024 * 1024);
    }
}
