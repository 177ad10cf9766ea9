#!/bin/sh
# A Glance without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/glance/glance-api.conf /var/lib/glance/*.db /var/lib/glance/*.sqlite
# One of the stores that are announced is for tests, which images do not have: each start would complain about it.
sed -i '/glance_store\.tests/d' /usr/lib/python3/dist-packages/glance_store-*/entry_points.txt
# Of all services of Amazon's that the library describes, a store of images uses one. Two fifths of the image.
find /usr/lib/python3/dist-packages/botocore/data -mindepth 1 -maxdepth 1 -type d -not -name s3 -exec rm -rf {} +
# A library of graphs can draw them, by a program with fonts and the codecs of pictures. A fifth of the image.
rm -rf /usr/share/fonts /usr/share/graphviz /usr/lib/*/graphviz
for name in SvtAv1Enc aom cairo dav1d gd gvc gvpr heif lab_gamut rav1e; do
  rm -f /usr/lib/*/"lib$name".so.*
done
# Of QEMU's tools it calls that for images.
rm -f /usr/bin/qemu-io /usr/bin/qemu-nbd /usr/bin/qemu-storage-daemon /usr/lib/*/libxml2.a
