#!/bin/sh
# Unpacks a layer of an OCI image as overlayfs reads it. Arguments: archive; empty directory.
set -eu
tar --zstd --numeric-owner --same-owner --xattrs --xattrs-include=security.capability -xpf "$1" -C "$2"
find "$2" -name '.wh.*' | while read -r mark; do
  name=${mark##*/}
  rm "$mark"
  mknod "${mark%/*}/${name#.wh.}" c 0 0
done
