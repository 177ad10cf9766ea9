#!/bin/sh
# nova-compute. Beside it waits what says that its host takes servers: a server that is put on a host a moment too early,
# before Nova has found a cell for it, ends in ERROR.
# Inputs: CONFIG DETECTED START PROGRAM KNOWN, and NOVA_URL for the program
set -eu

rm -f "$KNOWN"
(
  until python3 "$PROGRAM" known; do sleep 5; done
  : >"$KNOWN"
) &
exec python3 "$START" compute --config-file "$CONFIG" --config-dir "$CONFIG.d" --config-dir "$DETECTED"
