#!/bin/sh
# Whether a database member's own process lives. While it waits for the others, recovers or receives their data there is
# no server to ask: the first process is there, or the container ends. RUN, MARIADB_ADMIN: as in galera-library.sh.
[ "$(cat "$RUN/phase" 2>/dev/null)" = running ] || exit 0
# Answers 0 even where it refuses the user.
# shellcheck disable=SC2086 # a program and its arguments
exec timeout 5 $MARIADB_ADMIN --no-defaults --socket="$RUN/mysqld.sock" ping
