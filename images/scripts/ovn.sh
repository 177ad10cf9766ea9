#!/bin/sh
# No image has a database, an identity or a key of its own: each host makes its own.
set -eu
rm -rf /etc/openvswitch/* /etc/ovn/* /var/lib/openvswitch/* /var/lib/ovn/*
install -d -m 755 -o openvswitch -g openvswitch /var/lib/ovn
# Tools in Python that nobody calls want it. A quarter of the image.
rm -rf /usr/bin/python3* /usr/lib/python3* /usr/lib/*/libpython3*
