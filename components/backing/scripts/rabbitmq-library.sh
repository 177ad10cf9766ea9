#!/bin/sh
# What the scripts of the message bus share. Their own variables begin with BUS_: RabbitMQ takes NODE_PORT and the like for
# its own, with and without RABBITMQ_ before them. Environment: BUS_RUN (directory in memory, and home of Erlang's cookie), BUS_NODE_PORT
# (of the distribution), BUS_PORT (of the clients).

# Puts the cookie where Erlang looks for it. Erlang refuses one that others may read, as files of a Secret can be.
lay_cookie() {
  rm -f "$HOME/.erlang.cookie"
  (umask 077 && tr -d '\n' <"$BUS_COOKIE_FILE" >"$HOME/.erlang.cookie")
  chmod 0400 "$HOME/.erlang.cookie"
}

# listens PORT: whether a program of this pod listens on a TCP port: asks the kernel, so that it costs nothing.
listens() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$1") [0-9A-F]*:0000 0A "
}
