#!/bin/sh
# Whether a member of one of OVN's databases answers ("answers"), or is one of a cluster that has a leader ("member").
# Inputs: DATABASE RUN APPCTL
set -eu
# shellcheck disable=SC2086
status="$($APPCTL --timeout=4 -t "$RUN/db.ctl" cluster/status "$DATABASE")"
[ "$1" = answers ] || {
  echo "$status" | grep -qx "Status: cluster member"
  echo "$status" | grep -q "^Leader: " && ! echo "$status" | grep -qx "Leader: unknown"
}
