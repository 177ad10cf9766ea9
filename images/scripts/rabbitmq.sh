#!/bin/sh
# The cookie by which members know each other is the cloud's, not the image's; so is every setting.
set -eu
rm -rf /var/lib/rabbitmq/.erlang.cookie /var/lib/rabbitmq/mnesia /etc/rabbitmq/rabbitmq-env.conf
chown rabbitmq:rabbitmq /var/lib/rabbitmq
# A client of its web page, which is off, wants Python. A quarter of the image.
rm -rf /usr/bin/python3* /usr/lib/python3* /usr/lib/*/libpython3*
