#!/bin/sh
# Installs packages in an image that is being made. Runs in the image's file system, as root; /mnt holds what the builder
# hands in and takes out. Arguments: packages.
set -eu
export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_CONFIG=/mnt/apt.conf

# Nothing may be started. It is gone again below, so the layer does not have it.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confdef "$@" </dev/null
rm /usr/sbin/policy-rc.d
