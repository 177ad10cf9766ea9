#!/bin/sh
# Packs the changes that enter.sh kept as a layer of an OCI image. Arguments: working directory; archive. On standard
# input: the whiteouts to be made, paths with a zero byte after each.
set -eu
place=$1
archive=$2
cd "$place/upper"

# overlayfs' own marks. Devices are no part of any image.
find . -type c -delete
xargs -0 -r touch
# What the build itself wrote has no date of its own; what packages brought keeps its date, by which Python knows whether
# a compiled file still belongs to its source.
find . -newer "$place/begin" -exec touch -h -d @0 {} +
touch -d @0 .
tar --sort=name --numeric-owner --format=posix --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f \
  --xattrs --xattrs-include=security.capability -cf "$archive" .
