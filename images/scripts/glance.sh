#!/bin/sh
# A Glance without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/glance/glance-api.conf /var/lib/glance/*.db /var/lib/glance/*.sqlite
# One of the stores that are announced is for tests, which images do not have: each start would complain about it.
sed -i '/glance_store\.tests/d' /usr/lib/python3/dist-packages/glance_store-*/entry_points.txt
# Of all services of Amazon's that the library describes, a store of images uses one. Two fifths of the image.
find /usr/lib/python3/dist-packages/botocore/data -mindepth 1 -maxdepth 1 -type d -not -name s3 -exec rm -rf {} +
# No systemd runs in it.
rm -rf /usr/lib/systemd/systemd* /usr/lib/*/systemd
