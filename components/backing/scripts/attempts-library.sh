#!/bin/sh
# What scripts share that wait for a server on its way up. Environment: JOB_ATTEMPTS: how often they try, every 2 s.

# attempt COMMAND…: runs it until it goes well. Whoever calls has a function `reason`, which says why it did not.
attempt() {
  count=1
  until "$@"; do
    if [ "$count" -ge "$JOB_ATTEMPTS" ]; then
      echo "gave up after $count attempts: $(reason)"
      exit 1
    fi
    [ "$((count % 5))" -ne 1 ] || echo "tries again: $(reason)"
    count=$((count + 1))
    sleep 2
  done
}
