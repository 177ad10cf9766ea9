#!/bin/sh
# A Neutron without its mounted configuration must not start: Debian's would let it keep its data in a local file. All its
# configuration files lie side by side; Neutron itself looks for that of ML2 further down.
set -eu
rm -f /etc/neutron/neutron.conf /etc/neutron/*_agent.ini /etc/neutron/plugins/ml2/*.ini
rm -f /var/lib/neutron/*.db /var/lib/neutron/*.sqlite
install -d /etc/neutron/plugins/ml2
ln -s ../../ml2_conf.ini /etc/neutron/plugins/ml2/ml2_conf.ini
# A library of switches wants it to install itself with.
rm -rf /usr/lib/python3/dist-packages/pip
# And pip wants a linker, and that Perl.
rm -rf /usr/bin/x86_64-linux-gnu-* /usr/lib/*/ldscripts /usr/lib/*/gprofng
rm -f /usr/lib/*/libgprofng.so.* /usr/lib/*/libbfd-* /usr/lib/*/libopcodes-* /usr/lib/*/libctf*.so.* /usr/lib/*/libperl.so.*
