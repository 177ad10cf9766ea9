#!/bin/sh
# Makes the data directory that a member with an empty volume starts from, in a second instead of ten. Root and mysql may
# log in from inside the pod by the socket, as the system users of these names; nobody else exists, and no test database.
set -eu
template=/usr/share/stratiform/mysql
rm -rf /var/lib/mysql/* /var/lib/mysql/.[!.]*
install -d -m 750 -o mysql -g mysql "$template"
# A small log keeps the copy small. The server makes it as large as its configuration says at its first start.
mariadb-install-db --user=mysql --datadir="$template" --auth-root-authentication-method=socket --skip-test-db \
  --innodb-log-file-size=8M --skip-log-bin >/dev/null
rm -f "$template"/*.err "$template"/*.pid /etc/mysql/debian.cnf
chown -R mysql:mysql "$template"
# The member's own configuration is mounted; Debian's would be read beside it.
rm -rf /etc/mysql/mariadb.conf.d/* /etc/mysql/conf.d/*
install -d -m 755 -o mysql -g mysql /run/mysqld
# Tools for the files of tables as OpenStack has none. A seventh of the image.
rm -f /usr/bin/aria_* /usr/bin/myisam*
# Clients that nobody calls, each with the whole library in it.
for name in conv import plugin show slap tzinfo-to-sql waitpid; do
  rm -f "/usr/bin/mariadb-$name"
done
cd /usr/bin
rm -f innochecksum mariadbd-safe-helper perror replace resolve_stack_dump /usr/lib/*/libperl.so.*
