#!/bin/sh
# Makes the user and the virtual host of a service on the message bus: has BUS_DEFINITIONS_FILE imported by whichever member
# answers. It can be run again at any time. Environment: BUS_DOMAIN (of all members' names), BUS_COOKIE_FILE, BUS_CTL,
# BUS_ATTEMPTS: how often, every 2 s.
set -eu
umask 077
# shellcheck source=/dev/null
. "$(dirname "$0")/rabbitmq-library.sh"
lay_cookie
attempt=1
while :; do
  for ordinal in 0 1 2 3 4; do
    host="rabbitmq-$ordinal.$BUS_DOMAIN"
    getent ahostsv4 "$host" >/dev/null || continue
    # The client takes its own name's host from this, so that it need not know one of its own.
    export RABBITMQ_NODENAME="rabbit@$host"
    # shellcheck disable=SC2086 # a program and its arguments
    if timeout 60 $BUS_CTL --quiet --longnames -n "$RABBITMQ_NODENAME" import_definitions "$BUS_DEFINITIONS_FILE" >/tmp/answer 2>&1; then
      echo "user and virtual host are there"
      exit 0
    fi
  done
  error="$(grep -a -m 1 -i '[a-z]' /tmp/answer 2>/dev/null || echo 'no member has an address')"
  if [ "$attempt" -ge "$BUS_ATTEMPTS" ]; then
    echo "gave up after $attempt attempts: $error"
    exit 1
  fi
  [ "$((attempt % 5))" -ne 1 ] || echo "tries again: $error"
  attempt=$((attempt + 1))
  sleep 2
done
