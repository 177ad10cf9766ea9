#!/bin/sh
# First process of an HAProxy pod. Told to stop, HAProxy takes no new connections and ends when those it has are done;
# Kubernetes' signal alone would cut them off. Arguments: HAProxy, its own arguments.
"$@" &
proxy=$!
trap 'kill -USR1 "$proxy" 2>/dev/null' TERM INT USR1
status=0
wait "$proxy" || status=$?
# A signal ends the first waiting, not the proxy.
while kill -0 "$proxy" 2>/dev/null; do
  wait "$proxy"
  status=$?
done
exit "$status"
