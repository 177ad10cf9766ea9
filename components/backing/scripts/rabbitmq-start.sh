#!/bin/sh
# First process of a member of the message bus: runs the server, and sees that it is one of the cluster. Member 0 begins
# the cluster, the others join it. Environment: see rabbitmq-library.sh, and POD_NAME, RABBITMQ_NODENAME, BUS_MEMBERS_FILE (holds how
# many members there are), BUS_DOMAIN (of all members' names), BUS_DATA (directory), BUS_COOKIE_FILE, BUS_FILE_LIMIT, BUS_SERVER,
# BUS_CTL, BUS_QUEUES, BUS_STREAMS.
set -eu
umask 077
here="$(dirname "$0")"
# shellcheck source=/dev/null
. "$here/rabbitmq-library.sh"

ordinal=${POD_NAME##*-}
# Seconds for one question to a member.
patience=20

say() { printf 'member %s: %s\n' "$ordinal" "$*"; }

members() { cat "$BUS_MEMBERS_FILE"; }

# pause SECONDS: waits, but not when told to stop.
pause() {
  sleep "$1" &
  wait "$!" || true
}

# ctl ARGUMENTS: asks this member, or with -n another one.
ctl() {
  # shellcheck disable=SC2086 # a program and its arguments
  timeout "$((patience + 10))" $BUS_CTL --quiet --timeout "$patience" "$@"
}

# Names of the other members' nodes, member 0 first.
others() {
  number=0
  while [ "$number" -lt "$(members)" ]; do
    [ "$number" -eq "$ordinal" ] || echo "rabbit@${POD_NAME%-*}-$number.$BUS_DOMAIN"
    number=$((number + 1))
  done
}

# cluster_size NODE: of how many members its cluster consists, itself included; nothing if it does not answer.
cluster_size() {
  ctl -n "$1" eval 'length(rabbit_nodes:list_members()).' 2>/dev/null | tr -dc '0-9' || true
}

# Says which member to join: one that is in a cluster with somebody, or else member 0. Nothing if there is none yet.
find_cluster() {
  for node in $(others); do
    size="$(cluster_size "$node")"
    case "$size" in '') continue ;; esac
    if [ "$size" -gt 1 ] || [ "$node" = "rabbit@${POD_NAME%-*}-0.$BUS_DOMAIN" ]; then
      echo "$node"
      return 0
    fi
  done
}

# Whether the data directory holds nothing of a server.
is_blank() {
  [ ! -e "$BUS_DATA/mnesia/$RABBITMQ_NODENAME" ]
}

# Takes this member out of a cluster that still knows it from before it lost its data.
be_forgotten() {
  for node in $(others); do
    getent ahostsv4 "${node#rabbit@}" >/dev/null || continue
    if ctl -n "$node" forget_cluster_node "$RABBITMQ_NODENAME" >/dev/null 2>&1; then
      say "had been a member before its data were lost: begins anew"
      return 0
    fi
  done
}

# Gives this member a copy of every queue and stream that others have.
take_copies() {
  # shellcheck disable=SC2086 # a program and its arguments
  timeout 300 $BUS_QUEUES --quiet grow "$RABBITMQ_NODENAME" all >/dev/null || say "could not copy every queue: see above"
  ctl list_vhosts --no-table-headers name | while read -r vhost; do
    ctl list_queues --vhost "$vhost" --no-table-headers name type </dev/null | while read -r queue type; do
      [ "$type" != stream ] || take_stream "$vhost" "$queue"
    done
  done
}

# take_stream VHOST STREAM
take_stream() {
  # shellcheck disable=SC2086 # a program and its arguments
  timeout 60 $BUS_STREAMS --quiet add_replica --vhost "$1" "$2" "$RABBITMQ_NODENAME" </dev/null >/dev/null 2>&1 ||
    say "has a copy of the stream $2 already, or could not take one"
}

# join NODE: joins its cluster, as a new member. Refused where that cluster knows it from before, and then once more.
join() {
  ctl join_cluster "$1" && return 0
  ctl -n "$1" forget_cluster_node "$RABBITMQ_NODENAME" && ctl join_cluster "$1"
}

# Joins the cluster that there is, until it is one of it; member 0 alone is a cluster.
settle() {
  until ctl await_startup >/dev/null 2>&1; do
    pause 1
  done
  told=no
  while :; do
    case "$(cluster_size "$RABBITMQ_NODENAME")" in
      # No answer says nothing.
      '') pause 1 && continue ;;
      1) ;;
      *) break ;;
    esac
    found="$(find_cluster)"
    if [ -n "$found" ]; then
      say "joins $found"
      if ctl stop_app && ctl reset && join "$found" && ctl start_app; then
        take_copies
        continue
      fi
      say "could not join: tries again"
      ctl start_app || true
    elif [ "$ordinal" -eq 0 ]; then
      break
    elif [ "$told" = no ]; then
      say "waits for member 0"
      told=yes
    fi
    pause 2
  done
  echo joined >"$BUS_RUN/phase"
  say "is one of the cluster"
}

stop() {
  stopping=yes
  trap '' TERM INT
  rm -f "$BUS_RUN/phase"
  [ -z "$settling" ] || kill "$settling" 2>/dev/null || true
  [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
}

server='' settling='' stopping=no
rm -f "$BUS_RUN/phase"
limit="$(ulimit -n)"
if [ "$limit" = unlimited ] || [ "$limit" -gt "$BUS_FILE_LIMIT" ]; then
  ulimit -n "$BUS_FILE_LIMIT"
fi
lay_cookie
if is_blank && [ "$(members)" -gt 1 ]; then
  be_forgotten
fi
trap stop TERM INT
# shellcheck disable=SC2086 # a program and its arguments
$BUS_SERVER &
server=$!
if [ "$ordinal" -eq 0 ] && [ "$(members)" -eq 1 ]; then
  # Nobody to ask, and each question costs a second.
  echo joined >"$BUS_RUN/phase"
else
  settle &
  settling=$!
fi
status=0
wait "$server" || status=$?
if [ "$stopping" = yes ]; then
  # The signal ended the wait, not the server.
  status=0
  wait "$server" || status=$?
fi
say "the server has ended ($status)"
exit "$status"
