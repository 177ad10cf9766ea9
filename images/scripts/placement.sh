#!/bin/sh
# A Placement without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/placement/placement.conf /var/lib/placement/*.db /var/lib/placement/*.sqlite
