#!/bin/sh
# Whether a member of the message bus takes clients: it has joined the others, and its port is open. It closes it when it
# is without a majority. Environment: see rabbitmq-library.sh.
# shellcheck source=/dev/null
. "$(dirname "$0")/rabbitmq-library.sh"
[ "$(cat "$BUS_RUN/phase" 2>/dev/null)" = joined ] && listens "$BUS_PORT"
