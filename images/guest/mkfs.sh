#!/bin/sh
# mkfs -t TYPE DEVICE, for the types that there are.
type=ext2
[ "$1" != -t ] || { type=$2 && shift 2; }
exec "mkfs.$type" "$@"
