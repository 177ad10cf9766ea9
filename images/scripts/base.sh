#!/bin/sh
# Last step of the base of all images. Argument: the directory of the root file system. On standard input: the fixed
# users, one a line, "name number". With "keep" as second argument the list of package sources stays in the image.
set -eu
root=$1
sources=${2:-drop}

while read -r name number; do
  chroot "$root" groupadd --gid "$number" "$name"
  chroot "$root" useradd --uid "$number" --gid "$number" --no-create-home --home-dir "/var/lib/$name" \
    --shell /usr/sbin/nologin "$name"
done

# What this computer needs to reach its package sources is no part of an image.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap"
[ "$sources" = keep ] || : >"$root/etc/apt/sources.list"

# Files that a container's runtime, or the build of the next layer, lays others over.
for file in resolv.conf hosts hostname; do
  rm -f "$root/etc/$file"
  : >"$root/etc/$file"
done
find "$root/usr/share/doc" -type f -not -name copyright -delete
# Encodings of text that nobody here writes: the C library knows UTF-8 by itself.
find "$root"/usr/lib/*/gconv -name '*.so' -not -name 'UTF-*' -not -name 'UNICODE*' -not -name 'ISO8859-1.so' \
  -not -name 'ISO8859-15.so' -delete
rm -rf "$root"/var/log/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/etc/*- "$root"/var/cache/apt/*

# Debian's adduser takes a user for a system user by its number; the packages ask for system users and get these.
printf 'FIRST_SYSTEM_UID=100\nLAST_SYSTEM_UID=64999\nFIRST_SYSTEM_GID=100\nLAST_SYSTEM_GID=64999\n' \
  >>"$root/etc/adduser.conf"
