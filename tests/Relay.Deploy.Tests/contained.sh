#!/bin/sh
# Runs a published node as its container does: as user 1654, on a root file system that nobody can write, with /tmp and one volume.
#   contained.sh ROOT APP VOLUME MOUNT [argument of the node ...]
# ROOT: an empty folder; APP: the published node, seen as /app; VOLUME: a folder, seen as MOUNT. Root only, Linux. The mounts end with the process.
set -eu
if [ "${1:-}" != inside ]; then
    exec unshare --mount --propagation private "$0" inside "$@"
fi
shift
root=$1 app=$2 volume=$3 mount=$4
shift 4
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")

mount -t tmpfs none "$root"
for folder in /usr /etc /dev /proc "$dotnet"; do
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
for link in /bin /lib /lib64; do
    if [ -L "$link" ]; then
        ln -s "$(readlink "$link")" "$root$link"
    elif [ -d "$link" ]; then
        mkdir "$root$link"
        mount --bind "$link" "$root$link"
    fi
done
mkdir -p "$root/app" "$root/tmp" "$root$mount"
mount --bind "$app" "$root/app"
mount -o remount,bind,ro "$root/app"
mount -t tmpfs none "$root/tmp"
mount --bind "$volume" "$root$mount"
mount -o remount,ro "$root"
for folder in /usr /etc "$dotnet"; do mount -o remount,bind,ro "$root$folder" 2>/dev/null || true; done

# As fsGroup and a volume's owner do.
chown 1654:1654 "$root$mount"
chmod 1777 "$root/tmp"
exec chroot --userspec=1654:1654 --groups=1654 "$root" /bin/sh -c 'cd /app && exec "$0" "$@"' "$dotnet/dotnet" Relay.Node.dll "$@"
