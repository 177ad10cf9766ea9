#!/bin/sh
# A Glance without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/glance/glance-api.conf /var/lib/glance/*.db /var/lib/glance/*.sqlite
