#!/bin/sh
# One member of one of OVN's databases. Its volume says what it is; an empty one makes it the first member of a new cluster,
# or one more of the cluster that is there.
# Inputs: DATABASE SCHEMA SET DOMAIN PORT CLUSTER_PORT STATE RUN TLS POD_NAME OVSDB_TOOL OVSDB_CLIENT OVSDB_SERVER
set -eu

file="$STATE/$DATABASE.db"
# Milliseconds without a sign of life from the leader before another is elected: a busy host is not a dead one.
election_timer=5000
# A client that says nothing for so many milliseconds is asked whether it is there.
client_probe=60000
northd_probe=10000

name_of() { echo "$SET-$1.$SET.$DOMAIN"; }

address_of() { echo "ssl:$(name_of "$1"):$CLUSTER_PORT"; }

# client COMMAND ARGUMENTS...: a question as a client of the databases.
client() {
  # shellcheck disable=SC2086
  timeout 5 $OVSDB_CLIENT --private-key="$TLS/tls.key" --certificate="$TLS/tls.crt" --ca-cert="$TLS/ca.crt" "$@"
}

# Whether another member serves the database already: then the first member has lost its volume, and must not begin anew.
others_serve() {
  for other in 1 2 3 4; do
    if client list-dbs "ssl:$(name_of "$other"):$PORT" 2>/dev/null | grep -qx "$DATABASE"; then return 0; fi
  done
  return 1
}

# The first content: where to listen, and how patiently.
create_cluster() {
  case "$DATABASE" in
    OVN_Northbound) global=NB_Global options="[[\"northd_probe_interval\",\"$northd_probe\"]]" ;;
    *) global=SB_Global options="[]" ;;
  esac
  rm -f "$RUN/first.db"
  $OVSDB_TOOL create "$RUN/first.db" "$SCHEMA"
  $OVSDB_TOOL transact "$RUN/first.db" "[\"$DATABASE\",
    {\"op\":\"insert\",\"table\":\"Connection\",\"uuid-name\":\"listener\",
     \"row\":{\"target\":\"pssl:$PORT:0.0.0.0\",\"inactivity_probe\":$client_probe}},
    {\"op\":\"insert\",\"table\":\"$global\",
     \"row\":{\"connections\":[\"named-uuid\",\"listener\"],\"options\":[\"map\",$options]}}]" >/dev/null
  $OVSDB_TOOL --election-timer="$election_timer" create-cluster "$file.new" "$RUN/first.db" "$own"
}

join_cluster() {
  others=""
  for other in 0 1 2; do
    [ "$POD_NAME" = "$SET-$other" ] || others="$others $(address_of "$other")"
  done
  # shellcheck disable=SC2086
  $OVSDB_TOOL join-cluster "$file.new" "$DATABASE" "$own" $others
}

# When the database is there, once: a newer schema than its own is taken over, by whichever member is asked.
settle() {
  until [ "$(client needs-conversion "unix:$RUN/db.sock" "$SCHEMA" 2>/dev/null)" != "" ]; do sleep 2; done
  if [ "$(client needs-conversion "unix:$RUN/db.sock" "$SCHEMA")" = yes ]; then
    echo "taking over the schema of this release"
    client convert "unix:$RUN/db.sock" "$SCHEMA"
  fi
}

own="ssl:$POD_NAME.$SET.$DOMAIN:$CLUSTER_PORT"
if [ ! -s "$file" ]; then
  rm -f "$file.new"
  if [ "$POD_NAME" = "$SET-0" ] && ! others_serve; then
    echo "the volume is empty and nobody serves $DATABASE: making a new cluster"
    create_cluster
  else
    echo "the volume is empty: joining the cluster of $DATABASE"
    join_cluster
  fi
  mv "$file.new" "$file"
fi
[ "$POD_NAME" != "$SET-0" ] || settle &
case "$DATABASE" in
  OVN_Northbound) connections=NB_Global,connections ;;
  *) connections=SB_Global,connections ;;
esac
# shellcheck disable=SC2086
exec $OVSDB_SERVER "$file" --remote="punix:$RUN/db.sock" --remote="db:$DATABASE,$connections" \
  --private-key="$TLS/tls.key" --certificate="$TLS/tls.crt" --ca-cert="$TLS/ca.crt" \
  --unixctl="$RUN/db.ctl" -vconsole:info -vsyslog:off -vfile:off
