#!/bin/sh
# Puts a script on the host that is run when the host is released from its cluster.
# Inputs: SOURCE DIRECTORY NAME
set -eu

# A name with a dot in front is passed over.
cp "$SOURCE" "$DIRECTORY/.$NAME.new"
chmod 0755 "$DIRECTORY/.$NAME.new"
mv -f "$DIRECTORY/.$NAME.new" "$DIRECTORY/$NAME"
