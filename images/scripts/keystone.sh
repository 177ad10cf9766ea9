#!/bin/sh
# A Keystone without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/keystone/keystone.conf /var/lib/keystone/*.db
