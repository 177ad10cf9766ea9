#!/bin/sh
# Removes from an image that is being made what nobody reads in a container, and writes down its packages. Runs in the
# image's file system, as root. Arguments: the programs that the catalogue says it has.
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
# The large licences that packages of one source share lie there once: those of Boost are 2 MB each.
find /usr/share/doc -type f -name copyright -size +256k -exec sha256sum {} + | sort |
  while read -r sum file; do
    if [ "$sum" = "${same:-}" ]; then ln -f "$first" "$file"; else same=$sum first=$file; fi
  done
# No systemd runs in a container; its programs beside the daemon stay, and what they share.
rm -rf /usr/lib/systemd/systemd* /usr/lib/*/systemd/libsystemd-core-*
# Who has which hardware address, a second time as tables and in forms that no library here reads.
rm -f /usr/share/ieee-data/*.csv /usr/share/ieee-data/mam* /usr/share/ieee-data/oui36*
# What was removed, here or by the image's own script, may have been a library that somebody needs.
for program in "$@"; do
  [ -x "$program" ] || { echo "the catalogue says that the image has $program, and it is not there" >&2; exit 1; }
  if missing=$(ldd "$program" 2>/dev/null | grep 'not found'); then
    echo "$program lacks libraries:" "$missing" >&2
    exit 1
  fi
done
# shellcheck disable=SC2016 # dpkg-query's own variables
dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n' \
  >/mnt/packages
