#!/bin/sh
# First process of a database member: finds out whether to begin a cluster, to go on with one or to join, runs the server,
# and watches whether it is part of a majority. Environment: see galera-library.sh, and MARIADBD, INSTALL_DB, TEMPLATE (a
# fresh data directory, or nothing), PASSWORD_FILE (of the user admin), LEAVE_PAUSE (seconds between saying that it leaves and leaving).
set -eu
umask 077
here="$(dirname "$0")"
# shellcheck source=/dev/null
. "$here/galera-library.sh"

# Written before the first file of a data directory, removed after the last.
incomplete="$DATA/.stratiform-incomplete"
# Seconds without a majority after which a member looks whether it should start anew.
apart_limit=30
server='' leaving=no rejoin=no start_position=''

leave() {
  leaving=yes
  if [ -z "$server" ]; then
    exit 0
  fi
  say "leaves the cluster"
  put_state leaving
  echo leaving >"$RUN/phase"
  # So that the proxy has moved everybody to another member before the server refuses them.
  [ "$(members)" -eq 1 ] || sleep "$LEAVE_PAUSE"
  kill -TERM "$server" 2>/dev/null || true
}

# pause SECONDS: waits, but not when told to stop.
pause() {
  sleep "$1" &
  wait "$!" || true
}

# Opens the file itself: with a program in its place, socat now and then closes before it has read the answer.
start_listener() {
  # shellcheck disable=SC2086 # a program and its arguments
  $SOCAT -U "TCP4-LISTEN:$state_port,fork,reuseaddr,max-children=20" "OPEN:$RUN/state,rdonly" 2>/dev/null &
  echo "$!" >"$RUN/listener"
}

stop_listener() {
  [ ! -f "$RUN/listener" ] || kill "$(cat "$RUN/listener")" 2>/dev/null || true
}

members() { cat "$MEMBERS_FILE"; }

grastate() { sed -n "s/^$1: *//p" "$DATA/grastate.dat" 2>/dev/null || true; }

# Sets uuid, seqno and safe: how far this member's data reach. -1: it has none; -2: not to a whole state.
find_position() {
  uuid=$no_cluster seqno=-1 safe=0
  if [ -e "$incomplete" ]; then
    find "$DATA" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name "${incomplete##*/}" -exec rm -rf {} +
    return 0
  fi
  if [ -e "$DATA/sst_in_progress" ]; then
    seqno=-2
    return 0
  fi
  [ -d "$DATA/mysql" ] || return 0
  uuid="$(grastate uuid)" seqno="$(grastate seqno)" safe="$(grastate safe_to_bootstrap)"
  if [ "${seqno:--1}" = -1 ]; then
    recover_position
  fi
  safe="${safe:-0}"
}

# Asks the server itself, after a stop that was not orderly.
recover_position() {
  say "its last stop was not orderly: looks how far its data reach"
  # shellcheck disable=SC2086 # a program and its arguments
  $MARIADBD --defaults-file="$CONFIG" --wsrep-recover --wsrep-cluster-address=gcomm:// >"$RUN/recovery.log" 2>&1 &
  wait "$!" || true
  start_position="$(sed -n 's/.*WSREP: Recovered position: *//p' "$RUN/recovery.log" | tail -n 1)"
  uuid="${start_position%%:*}" seqno="${start_position#*:}" seqno="${seqno%%,*}"
  case "$uuid:$seqno" in
    ????????-????-????-????-????????????:*[0-9]) ;;
    *)
      tail -n 40 "$RUN/recovery.log"
      say "its data cannot be read: see above. If another member has them, delete this one's volume claim and pod: it then begins anew from the others"
      put_state damaged
      pause 10
      exit 1
      ;;
  esac
  [ "$uuid" != "$no_cluster" ] || start_position=''
}

# Lays a fresh data directory.
lay_data() {
  [ ! -d "$DATA/mysql" ] || return 0
  : >"$incomplete"
  if [ -n "$TEMPLATE" ] && [ -d "$TEMPLATE" ]; then
    say "lays the data directory of the image"
    cp -R "$TEMPLATE/." "$DATA/"
  else
    say "makes a data directory"
    # shellcheck disable=SC2086 # a program and its arguments
    $INSTALL_DB --no-defaults --datadir="$DATA" --auth-root-authentication-method=socket --skip-test-db --skip-name-resolve >/dev/null
  fi
  rm -f "$incomplete"
}

# What the server does at each start, in its own member only: users with the passwords of now. One statement a line.
write_init_file() {
  password="$(cat "$PASSWORD_FILE")"
  case "$password" in '' | *[!A-Za-z0-9]*) say "the password of admin must be letters and digits" && exit 1 ;; esac
  own="$(id -un)"
  cat >"$RUN/init.sql" <<SQL
SET SESSION wsrep_on=OFF;
CREATE USER IF NOT EXISTS '$own'@'localhost' IDENTIFIED VIA unix_socket;
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR ON *.* TO '$own'@'localhost';
CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY '$password';
ALTER USER 'admin'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'admin'@'%' WITH GRANT OPTION;
SQL
}

# run_server ARGUMENTS: starts the server.
run_server() {
  write_init_file
  put_state starting
  echo starting >"$RUN/phase"
  [ -z "$start_position" ] || set -- "$@" --wsrep-start-position="$start_position"
  # shellcheck disable=SC2086 # a program and its arguments
  $MARIADBD --defaults-file="$CONFIG" --init-file="$RUN/init.sql" --wsrep-node-name="$POD_NAME" \
    --wsrep-node-address="$POD_IP" --wsrep-sst-auth="$(id -un):" "$@" &
  server=$!
}

# Whether a member without a majority does well to start anew: somebody has one, or all others are there and none has.
should_rejoin() {
  # shellcheck disable=SC2046 # addresses
  answers="$(ask $(other_addresses))"
  case "$answers" in *' primary'*) return 0 ;; esac
  [ -n "$answers" ] && [ "$(printf '%s\n' "$answers" | wc -l)" -ge "$(($(members) - 1))" ]
}

# Says how the server is, as long as it is not told to stop.
tell_state() {
  last="$state"
  state="$(server_state)"
  if [ "$leaving" = yes ]; then
    return 0
  elif [ "$(cat "$RUN/phase")" = running ]; then
    # One answer that is late, as on a busy host, is no reason to cut everybody's connections.
    if [ "$state" != deaf ] || [ "$last" = deaf ]; then put_state "$state"; fi
  elif [ "$state" != deaf ]; then
    # Connections are taken only after the init file was read.
    rm -f "$RUN/init.sql"
    echo running >"$RUN/phase"
    put_state "$state"
    say "runs"
  fi
}

# Until the server ends: says how it is, and ends it if only a new start can bring it back among the others.
watch_server() {
  apart=0 beat=0 state=''
  while kill -0 "$server" 2>/dev/null; do
    # Asked rarely where nobody could take over from it.
    if [ "$((beat % 3))" -eq 0 ] || [ "$(members)" -gt 1 ] || [ "$(cat "$RUN/phase")" = starting ]; then
      tell_state
    fi
    beat=$((beat + 1))
    if [ "$state" = apart ]; then apart=$((apart + 1)); else apart=0; fi
    if [ "$apart" -ge "$apart_limit" ] && [ "$leaving" = no ]; then
      apart=0
      if should_rejoin; then
        say "has been without a majority for $apart_limit s: starts anew"
        rejoin=yes
        kill -TERM "$server"
      fi
    fi
    case "$leaving $(cat "$RUN/phase")" in
      'no running') pause 1 ;;
      *) pause 0.2 ;;
    esac
  done
}

rm -f "$RUN/phase" "$RUN/init.sql"
trap leave TERM INT
put_state starting
start_listener
# It would bring back a majority of before, without asking who has the newest data.
rm -f "$DATA/gvwstate.dat"
find_position
put_state waiting "$uuid" "$seqno" "$safe"
say "its data: cluster $uuid, transaction $seqno"

told='' addresses=''
while :; do
  addresses="$(other_addresses | tr '\n' ' ')"
  # shellcheck disable=SC2086 # addresses
  answers="$(ask $addresses)"
  own="own $ordinal waiting $uuid $seqno $safe"
  decision="$(printf '%s\n%s\n' "$own" "$answers" | decide "$ordinal" "$(members)")"
  case "$decision" in wait*) ;; *) break ;; esac
  [ "$decision" = "$told" ] || say "has to $decision"
  told="$decision"
  pause 1
done

if [ "$decision" = bootstrap ]; then
  say "begins"
  put_state starting
  lay_data
  [ ! -f "$DATA/grastate.dat" ] || sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$DATA/grastate.dat"
  run_server --wsrep-new-cluster --wsrep-cluster-address=gcomm://
else
  say "joins"
  # Only who answers: a server does not start with an address that leads nowhere.
  peers="$(printf '%s\n' "$answers" | while read -r address _; do printf '%s,' "$address"; done)"
  run_server --wsrep-cluster-address="gcomm://${peers%,}"
fi

watch_server
status=0
wait "$server" || status=$?
stop_listener
if [ "$rejoin" = yes ] && [ "$leaving" = no ]; then
  exec sh "$0"
fi
say "the server has ended ($status)"
exit "$status"
