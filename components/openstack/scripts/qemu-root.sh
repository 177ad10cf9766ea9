#!/bin/sh
# A guest's QEMU with the files of the copy on the host as its root, in a mount namespace of its own: the pod's root is
# emptied when the pod goes. @ROOT@ is filled in when the pod starts.
set -eu
for directory in /dev /proc /sys /run /tmp /var/lib/libvirt /var/lib/nova /var/log/libvirt /etc/pki; do
  mkdir -p "@ROOT@$directory"
  mount --rbind "$directory" "@ROOT@$directory"
done
exec chroot "@ROOT@" /usr/bin/qemu-system-x86_64 "$@"
