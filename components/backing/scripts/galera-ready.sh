#!/bin/sh
# Whether a database member takes writes: it is in the primary component, synced or a donor. RUN: as in galera-library.sh.
exec grep -q ' primary ready$' "$RUN/state"
