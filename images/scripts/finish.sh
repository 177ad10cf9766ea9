#!/bin/sh
# Removes from an image that is being made what nobody reads in a container, and writes down its packages. Runs in the
# image's file system, as root.
set -eu
find /var/log -type f -delete
rm -rf /var/log/apt /var/log/dbconfig-common /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache /etc/*- /root/.cache
# Compiled forms of Python files stay: a read-only root cannot make them, and each start would compile anew. Tests go, but
# not those that Tempest runs.
find /usr/lib/python3/dist-packages -type d -name tests -path '*/dist-packages/*/*' -not -path '*_tempest_plugin/*' \
  -prune -exec rm -rf {} + 2>/dev/null || true
# Names of devices for udev, which does not run in a container, and the customs of languages that no message is in.
rm -rf /usr/lib/udev/hwdb.bin /usr/lib/udev/hwdb.d
find /usr/share/python-babel-localedata/locale-data -type f -not -name root.dat -not -name 'en*' -delete 2>/dev/null || true
# Documentation but for the licences, and Perl's library: packages' own scripts use the part that is always there, and
# nothing else of Perl runs. 50 MB of each image that a tool in Perl is in.
find /usr/share/doc -type f -not -name copyright -delete
rm -rf /usr/share/perl/[0-9]* /usr/lib/*/perl/[0-9]*
# shellcheck disable=SC2016 # dpkg-query's own variables
dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' \
  >/mnt/packages
