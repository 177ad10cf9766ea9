#!/bin/sh
# A Nova without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/nova/nova.conf /etc/nova/nova-compute.conf /var/lib/nova/*.db /var/lib/nova/*.sqlite
