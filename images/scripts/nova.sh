#!/bin/sh
# A Nova without its mounted configuration must not start: Debian's would let it keep its data in a local file.
set -eu
rm -f /etc/nova/nova.conf /etc/nova/nova-compute.conf /var/lib/nova/*.db /var/lib/nova/*.sqlite
# noVNC's files are for browsers: nothing of it runs here. Nova knows Ceph's block devices, not its gateway. A third of the
# image.
rm -rf /usr/share/nodejs /usr/bin/node /usr/bin/nodejs
rm -f /usr/lib/*/libnode.so.* /usr/lib/*/librgw.so.* /usr/lib/*/libicu*.so.*
# The proxy of consoles would unmask with NumPy what a browser sends; it does so itself as well, and that is what a person
# types. A fifth of the image with the libraries of linear algebra. The last is for images of CDs with forks of files.
rm -rf /usr/lib/python3/dist-packages/numpy /usr/lib/*/lapack /usr/lib/*/blas
rm -f /usr/lib/*/libgfortran.so.* /usr/lib/file/magic.mgc
