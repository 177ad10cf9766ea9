#!/bin/sh
# A program with file capabilities that a pod may not have does not even start. Without them it uses the kernel's sockets
# for ping, where net.ipv4.ping_group_range lets it.
set -eu
cp /usr/bin/ping /usr/bin/ping.plain
chmod 755 /usr/bin/ping.plain
mv /usr/bin/ping.plain /usr/bin/ping
