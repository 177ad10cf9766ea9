#!/bin/sh
# Neutron makes the networks: libvirt's own would put a bridge and rules on the host. The daemon's configuration is mounted.
set -eu
rm -rf /etc/libvirt/qemu/networks /etc/libvirt/libvirtd.conf /etc/libvirt/qemu.conf
# Each host has its own; one in the image would be the same on all.
rm -f /etc/machine-id /var/lib/dbus/machine-id
: >/etc/machine-id
# Servers are for the host's own kind of processor, which runs those of 32 bits too.
rm -f /usr/bin/qemu-system-i386 /usr/bin/qemu-system-x86_64-microvm /usr/bin/qemu-io /usr/bin/qemu-storage-daemon
cd /usr/share/qemu
rm -f hppa-* openbios-* opensbi-* palcode-* s390-* skiboot.lid slof.bin trace-events-all u-boot*
