#!/bin/sh
# Makes the databases and the user of a service: runs SQL_FILE as admin on the server DATABASE_HOST:DATABASE_PORT, which may
# still be on its way up. It can be run again at any time. PASSWORD_FILE: of admin. MARIADB: the client. JOB_ATTEMPTS: see attempts-library.sh.
set -eu
umask 077
# shellcheck source=/dev/null
. "$(dirname "$0")/attempts-library.sh"
options=/tmp/client.cnf
printf '[client]\nhost=%s\nport=%s\nuser=admin\npassword="%s"\nconnect-timeout=5\n' \
  "$DATABASE_HOST" "$DATABASE_PORT" "$(cat "$PASSWORD_FILE")" >"$options"

# shellcheck disable=SC2086 # a program and its arguments
run_sql() { $MARIADB --defaults-file="$options" --batch <"$SQL_FILE" 2>/tmp/errors; }

# The client repeats the statement that failed, with the password in it: only the line of the error is told.
reason() {
  error="$(grep -a '^ERROR' /tmp/errors | tail -n 1 || true)"
  echo "${error:-the client failed}"
}

attempt run_sql
echo "databases and user are there"
