#!/bin/sh
# Open vSwitch's database on a host. Its file keeps bridges and ports of guests over restarts of everything.
# Inputs: SCHEMA
set -eu

file=/etc/openvswitch/conf.db
if [ ! -s "$file" ]; then
  rm -f "$file.new"
  ovsdb-tool create "$file.new" "$SCHEMA"
  mv "$file.new" "$file"
elif [ "$(ovsdb-tool needs-conversion "$file" "$SCHEMA")" = yes ]; then
  ovsdb-tool convert "$file" "$SCHEMA"
fi
exec ovsdb-server "$file" --remote=punix:/run/openvswitch/db.sock --unixctl=/run/openvswitch/ovsdb-server.ctl \
  -vconsole:info -vsyslog:off -vfile:off
