#!/bin/sh
# Moves a host's virtual machines to other hosts, and takes the host out of Nova, before it leaves. Where that cannot be it
# says why, with their names, and the host stays as it is. May be run again at any time.
# Inputs: PROGRAM

tasks() { ctr --namespace k8s.io tasks ls 2>/dev/null; }

running=""
process=""
for container in $(containers compute); do
  found="$(tasks | awk -v container="$container" '$1 == container && $3 == "RUNNING" { print $2 }')"
  if [ -n "$found" ]; then
    running="$container"
    process="$found"
  fi
done

if [ -z "$running" ]; then
  guests="$(systemctl list-units --type=scope --plain --no-legend "stratiform-$CLOUD-guest-*.scope" | awk '{ print $1 }' | tr '\n' ' ')"
  if [ -n "$guests" ]; then
    echo "virtual machines run on this host, and nova-compute does not, which could move them; bring it up, or end them: $guests"
    exit 1
  fi
  echo "nova-compute does not run here, and no virtual machine does"
  exit 0
fi

compute_host() {
  ctr --namespace k8s.io tasks exec --exec-id "leave-$$-$1" "$running" python3 "$PROGRAM" "$1"
}

compute_host drain
# Frozen, or it would enter itself anew. It goes with the host's pods.
kill -STOP "$process"
compute_host forget || {
  kill -CONT "$process"
  exit 1
}
