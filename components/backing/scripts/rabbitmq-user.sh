#!/bin/sh
# Makes the user and the virtual host of a service on the message bus: has BUS_DEFINITIONS_FILE imported by whichever member
# answers. It can be run again at any time. Environment: BUS_DOMAIN (of all members' names), BUS_COOKIE_FILE, BUS_CTL,
# JOB_ATTEMPTS (see attempts-library.sh).
set -eu
umask 077
directory="$(dirname "$0")"
# shellcheck source=/dev/null
. "$directory/rabbitmq-library.sh"
# shellcheck source=/dev/null
. "$directory/attempts-library.sh"

import_by_a_member() {
  for ordinal in 0 1 2 3 4; do
    host="rabbitmq-$ordinal.$BUS_DOMAIN"
    getent ahostsv4 "$host" >/dev/null || continue
    # The client takes its own name's host from this, so that it need not know one of its own.
    export RABBITMQ_NODENAME="rabbit@$host"
    # shellcheck disable=SC2086 # a program and its arguments
    if timeout 60 $BUS_CTL --quiet --longnames -n "$RABBITMQ_NODENAME" import_definitions "$BUS_DEFINITIONS_FILE" >/tmp/answer 2>&1; then
      return 0
    fi
  done
  return 1
}

reason() { grep -a -m 1 -i '[a-z]' /tmp/answer 2>/dev/null || echo 'no member has an address'; }

lay_cookie
attempt import_by_a_member
echo "user and virtual host are there"
