#!/bin/sh
# Whether the process of a member of the message bus lives: its port among members is open from the beginning, also while
# it waits for the others or for a majority. Environment: see rabbitmq-library.sh.
# shellcheck source=/dev/null
. "$(dirname "$0")/rabbitmq-library.sh"
listens "$BUS_NODE_PORT"
