#!/bin/sh
# Runs a program as root in the file system of an image, with its changes kept apart. To be started in mount and process
# namespaces of its own (unshare), so that no mount and no process outlives it.
# Arguments: working directory; lower layers as overlayfs names them; further directories to lay over, as "from:to"; "--";
# program and arguments. The working directory has mnt/, seen as /mnt inside, and gets upper/ (the changes) and, if it has
# an empty file "record", before and after: what is there, as "type path" with a zero byte after each.
set -eu
place=$1
lower=$2
shift 2

mkdir "$place/upper" "$place/work" "$place/root"
chmod 755 "$place/upper"
root=$place/root
options="lowerdir=$lower,upperdir=$place/upper,workdir=$place/work"
# "volatile" leaves out every flush to the disk: the layer is flushed once, as an archive.
mount -t overlay overlay -o "$options,volatile" "$root" 2>/dev/null ||
  mount -t overlay overlay -o "$options" "$root"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t proc proc "$root/proc"
mount --bind "$place/mnt" "$root/mnt"
for file in resolv.conf hosts; do
  [ ! -e "/etc/$file" ] || mount --bind "$(readlink -f "/etc/$file")" "$root/etc/$file"
done
while [ "$1" != -- ]; do
  mount --bind "${1%%:*}" "$root${1#*:}"
  shift
done
shift

# What lies under a mount is left out of both.
inventory() { (cd "$root" && find . -xdev -mindepth 1 -printf '%y %P\0'); }
[ ! -e "$place/record" ] || inventory >"$place/before"
touch "$place/begin"
status=0
chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  HOME=/root ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
  ${no_proxy:+"no_proxy=$no_proxy"} "$@" || status=$?
[ "$status" = 0 ] || exit "$status"
if [ -e "$place/record" ]; then
  inventory >"$place/after"
fi
