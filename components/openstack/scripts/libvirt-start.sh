#!/bin/sh
# libvirt on a compute host. Guests that an earlier pod started go on, and are found again.
# Inputs: CLOUD NODE_NAME HOST_IP VIRTUALIZATION
set -eu

secret=/etc/stratiform/libvirt
scripts=/etc/stratiform/scripts
config=/run/libvirtd.conf
qemu=/usr/bin/qemu-system-x86_64
roots=/var/lib/qemu-root

fail() {
  echo "error: $NODE_NAME: $*" >&2
  exit 1
}

# put SOURCE TARGET MODE: a file of the Secret where libvirt or QEMU looks for it.
put() {
  mkdir -p "$(dirname "$2")"
  cmp -s "$secret/$1" "$2" && return 0
  cp "$secret/$1" "$2.new"
  chmod "$3" "$2.new"
  mv -f "$2.new" "$2"
}

put_certificates() {
  put ca.crt /etc/pki/CA/cacert.pem 0644
  put ca.crt /etc/pki/qemu/ca-cert.pem 0644
  put console-ca.crt /etc/pki/libvirt-vnc/ca-cert.pem 0644
  put console-tls.crt /etc/pki/libvirt-vnc/server-cert.pem 0644
  put console-tls.key /etc/pki/libvirt-vnc/server-key.pem 0600
  for party in server client; do
    put tls.crt "/etc/pki/libvirt/${party}cert.pem" 0644
    put tls.key "/etc/pki/libvirt/private/${party}key.pem" 0600
    put tls.crt "/etc/pki/qemu/$party-cert.pem" 0644
    put tls.key "/etc/pki/qemu/$party-key.pem" 0600
  done
}

# A renewed certificate, or one that names a further host. QEMU reads its files whenever it needs them.
follow_certificates() {
  while sleep 60; do
    cmp -s "$secret/tls.crt" /etc/pki/libvirt/servercert.pem && continue
    put_certificates
    virt-admin server-update-tls libvirtd || echo "libvirtd did not take the new certificate"
  done
}

# KVM is of use where the processor can do what KVM is for: a host may show the device without.
choose_virtualization() {
  choice="$VIRTUALIZATION"
  if [ "$choice" != qemu ]; then
    if [ -c /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
      choice=kvm
    elif [ "$choice" = kvm ]; then
      fail "it has no KVM that can be used (compute.virtualization); switch it on in the firmware, or set qemu"
    else
      choice=qemu
    fi
  fi
  # libvirt and guests would take a device that they see.
  [ "$choice" = kvm ] || rm -f /dev/kvm
  echo "$choice" >/run/libvirt/virtualization
}

# Guests run from a copy of this image's files on the host: those of the pod go when its image goes. Of its programs they
# need one.
copy_root() {
  root="$roots/$(cat "$qemu" /var/lib/dpkg/status 2>/dev/null | sha256sum | cut -c1-16)"
  if [ ! -d "$root" ]; then
    echo "copying the files of guests to $root"
    rm -rf "$root.new"
    mkdir -p "$root.new"
    for name in "${qemu#/}" usr/lib usr/lib64 usr/share etc bin sbin lib lib64; do
      mkdir -p "$root.new/$(dirname "$name")"
      [ ! -e "/$name" ] || cp -ax "/$name" "$root.new/$name"
    done
    mkdir -p "$root.new/var/lib" "$root.new/var/log"
    mv "$root.new" "$root"
  fi
  # Older ones that no guest uses any more. Links that name a process' root are only read by those who may.
  for old in "$roots"/*; do
    if [ "$old" = "$root" ] || [ ! -d "$old" ]; then continue; fi
    used=no
    for process in /proc/[0-9]*; do
      case "$(readlink "$process/root" 2>/dev/null || true)" in */"${old##*/}") used=yes ;; esac
    done
    [ "$used" = yes ] || rm -rf --one-file-system "$old"
  done
}

# fill SCRIPT TARGET: a script with what it cannot know, as libvirt hands it no variables.
fill() {
  sed -e "s|@CLOUD@|$CLOUD|g" -e "s|@ROOT@|$root|g" "$scripts/$1" >"$2"
  chmod 0755 "$2"
}

# QEMU's place is taken by what moves a guest out of the pod.
put_wrapper() {
  [ -e "$qemu.real" ] || mv "$qemu" "$qemu.real"
  fill qemu-root.sh /usr/local/bin/qemu-root.sh
  fill qemu.sh "$qemu"
}

# libvirt finds out only when it is asked what QEMU can do, which takes a host that is busy ten seconds, and then knows it:
# nova-compute need not wait for it.
ask_early() {
  until virsh --quiet --connect qemu:///system capabilities >/dev/null 2>&1; do sleep 1; done
}

write_config() {
  # A host without firmware tables has no number of its own, and libvirt tells hosts apart by it.
  [ -s /var/lib/libvirt/host-uuid ] || cat /proc/sys/kernel/random/uuid >/var/lib/libvirt/host-uuid
  {
    cat /etc/libvirt/libvirtd.conf
    echo "listen_addr = \"$HOST_IP\""
    echo "host_uuid = \"$(cat /var/lib/libvirt/host-uuid)\""
  } >"$config"
}

until grep -qxF "$HOST_IP" "$secret/hosts"; do
  echo "waiting for a certificate that names $HOST_IP"
  sleep 2
done
put_certificates
choose_virtualization
copy_root
put_wrapper
write_config
follow_certificates &
ask_early &
# Of those who ended without a word.
rm -f /run/libvirtd.pid /run/libvirt/libvirtd.pid
exec tini -s -- libvirtd --listen --config "$config"
