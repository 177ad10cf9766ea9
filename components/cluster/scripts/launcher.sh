#!/bin/bash
# Runs one step of a host as a systemd unit of its own, so that a broken connection ends nothing half-way, and waits
# for it. A second call of the same step first waits for the first one. The step's program comes on standard input.
set -euo pipefail

launch() {
  local step="$1" action="$2"
  local directory="/run/stratiform"
  local unit="stratiform-$step.service" program="$directory/$step.sh" log="$directory/$step.log"

  install -d -m 0700 "$directory"
  # Until the earlier unit is gone, not only ended: its name is free only then. One launcher of a step at a time.
  local waited=""
  exec 8>"$directory/$step.launch"
  until flock --nonblock 8 && [ "$(systemctl show --property=LoadState --value "$unit")" = not-found ]; do
    [ -n "$waited" ] || echo "waiting for an earlier run of the step \"$step\" on this host"
    waited=yes
    sleep 1
  done
  # Nobody listens any more where this launcher's connection broke meanwhile: writing ends it here, before it begins.
  [ -z "$waited" ] || echo "the earlier run has ended"

  install -d -m 0700 "$directory"
  (umask 077 && cat >"$program" && : >"$log")
  tail -n +1 -F "$log" 2>/dev/null &
  local tail_pid=$!
  local status=0
  systemd-run --quiet --collect --wait --unit="$unit" \
    --property=Type=exec --property=RuntimeMaxSec=1800 --property=TimeoutStopSec=10 \
    --property="StandardOutput=append:$log" --property="StandardError=append:$log" \
    --property="ExecStopPost=/bin/rm -f $program" \
    --setenv=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --setenv=HOME=/root --setenv=LC_ALL=C.UTF-8 \
    /bin/bash "$program" "$action" </dev/null || status=$?
  # tail polls: give it the moment it needs to print the last lines.
  sleep 0.2
  kill "$tail_pid" 2>/dev/null || true
  wait "$tail_pid" 2>/dev/null || true
  # A host that is not taken keeps nothing of ours, this step's log included.
  [ -e /etc/stratiform/claim ] || rm -rf "$directory"
  return "$status"
}
