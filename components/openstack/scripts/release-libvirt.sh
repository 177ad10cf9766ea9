#!/bin/sh
# Ends a cloud's guests on a host. Their files go with those of its networks, after this.

stop_kubelet
kill_containers libvirtd
for unit in $(systemctl list-units --type=scope --all --plain --no-legend "stratiform-$CLOUD-guest-*.scope" | awk '{ print $1 }'); do
  systemctl kill --signal=SIGKILL "$unit" 2>/dev/null || true
  systemctl stop "$unit" 2>/dev/null || true
done
# Those that no unit holds.
for process in /proc/[0-9]*; do
  case "$(readlink "$process/root" 2>/dev/null || true)" in
    *"/qemu-root/"*) kill -KILL "${process#/proc/}" 2>/dev/null || true ;;
  esac
done
