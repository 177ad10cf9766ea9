#!/bin/sh
# What libvirt starts as QEMU. A guest leaves the pod's cgroups in every hierarchy and becomes a unit of the host's systemd,
# so that nobody who ends the pod ends it; its process stays the one that libvirt started. Questions to QEMU stay in the pod.
# @CLOUD@ is filled in when the pod starts.
guest=""
take=no
for word in "$@"; do
  if [ "$take" = yes ]; then
    case "$word" in guest=*) guest="${word#guest=}" ;; esac
  fi
  take=no
  [ "$word" != -name ] || take=yes
done
guest="${guest%%,*}"
[ -n "$guest" ] || exec /usr/bin/qemu-system-x86_64.real "$@"

# With version 1 of cgroups systemd moves it in some hierarchies only; with version 2 there is just one.
if [ ! -e /sys/fs/cgroup/cgroup.procs ]; then
  for procs in /sys/fs/cgroup/*/cgroup.procs; do
    echo "$$" >"$procs" 2>/dev/null || true
  done
fi
# A unit's name has few kinds of characters.
unit="stratiform-@CLOUD@-guest-$(printf '%s' "$guest" | tr -c 'A-Za-z0-9_-' _)-$$"
exec systemd-run --quiet --scope --collect --slice=machine.slice --property=TasksMax=infinity --unit="$unit" \
  -- unshare --mount --propagation slave /usr/local/bin/qemu-root.sh "$@"
