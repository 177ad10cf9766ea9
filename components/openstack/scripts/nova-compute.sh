#!/bin/sh
# Says what nova-compute has to know of its host: what runs the instructions of virtual machines there. libvirt is asked,
# so that the two have one answer. Runs before nova-compute, at each start of its pod.
#
# Takes VIRTUALIZATION (auto, kvm or qemu), DETECTED (directory for the configuration file), INSTANCES (directory of
# virtual machines' disks).
set -eu

# libvirt of a host that comes up may take its time, and its pod may just be replaced: what is tried in vain is told.
pause=2

mkdir -p "$DETECTED" "$INSTANCES"

# kvm or qemu, as libvirt's capabilities have it; fails while libvirt does not answer.
ask_libvirt() {
  python3 - <<'PROGRAM'
import platform
import sys
from xml.etree import ElementTree

import libvirt

try:
    connection = libvirt.openReadOnly("qemu:///system")
    capabilities = ElementTree.fromstring(connection.getCapabilities())
except libvirt.libvirtError as error:
    sys.exit(f"libvirt does not answer yet: {error}")
domains = capabilities.findall(f"guest/arch[@name='{platform.machine()}']/domain")
print("kvm" if any(domain.get("type") == "kvm" for domain in domains) else "qemu")
PROGRAM
}

until found="$(ask_libvirt)"; do
  sleep "$pause"
done
case "$VIRTUALIZATION:$found" in
  kvm:qemu)
    echo "nova-compute.sh: compute.virtualization is kvm, but libvirt of this host has no KVM: switch it on in the host's firmware, or set compute.virtualization to auto" >&2
    exit 1
    ;;
  qemu:*) type=qemu ;;
  *) type=$found ;;
esac

file=$DETECTED/nova-compute.conf
{
  echo "[libvirt]"
  echo "virt_type = $type"
  if [ "$type" = qemu ] && [ "$(uname -m)" = x86_64 ]; then
    # One processor for all hosts without KVM, which QEMU can play on each of them: so servers can move.
    echo "cpu_mode = custom"
    echo "cpu_models = qemu64"
  fi
} >"$file.new"
mv "$file.new" "$file"
echo "virtual machines run by $type"
