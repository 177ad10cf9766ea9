#!/bin/sh
# Makes the databases and the user of a service: runs SQL_FILE as admin on the server DATABASE_HOST:DATABASE_PORT, which may
# still be on its way up. It can be run again at any time. PASSWORD_FILE: of admin. MARIADB: the client. ATTEMPTS: how often, every 2 s.
set -eu
umask 077
options=/tmp/client.cnf
printf '[client]\nhost=%s\nport=%s\nuser=admin\npassword="%s"\nconnect-timeout=5\n' \
  "$DATABASE_HOST" "$DATABASE_PORT" "$(cat "$PASSWORD_FILE")" >"$options"
attempt=1
# shellcheck disable=SC2086 # a program and its arguments
until $MARIADB --defaults-file="$options" --batch <"$SQL_FILE" 2>/tmp/errors; do
  # The client repeats the statement that failed, with the password in it.
  error="$(grep -a '^ERROR' /tmp/errors | tail -n 1 || true)"
  if [ "$attempt" -ge "$ATTEMPTS" ]; then
    echo "gave up after $attempt attempts: ${error:-the client failed}"
    exit 1
  fi
  [ "$((attempt % 5))" -ne 1 ] || echo "tries again: ${error:-the client failed}"
  attempt=$((attempt + 1))
  sleep 2
done
echo "databases and user are there"
