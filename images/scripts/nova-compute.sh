#!/bin/sh
# The program of Debian's package nova-compute, which itself is not installed: it would bring libvirt and QEMU.
set -eu
cat >/usr/bin/nova-compute <<'PROGRAM'
#!/usr/bin/python3
import sys

from nova.cmd.compute import main

sys.exit(main())
PROGRAM
chmod 755 /usr/bin/nova-compute
