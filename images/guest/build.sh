#!/bin/sh
# Makes the guest's disk from the packages that lie unpacked in a root file system. Argument: the directory of the root
# file system. What is left in it: guest/guest.qcow2 and guest/kernel, the version of the kernel.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$1
cd "$root"
export SOURCE_DATE_EPOCH=0

# Every program runs in the root file system: this computer needs none of them.
in_root() { chroot "$root" /usr/bin/busybox "$@"; }
for applet in sh cpio gzip find sort; do
  [ -e "usr/bin/$applet" ] || ln -s busybox "usr/bin/$applet"
done

kernel=
for modules in usr/lib/modules/*; do kernel=${modules##*/}; done
modules=usr/lib/modules/$kernel
guest=$root/guest/root
mkdir -p "$guest"
for directory in bin sbin lib lib64 usr/bin usr/sbin etc/acpi/PWRF proc sys dev run tmp mnt root/.ssh home/guest/.ssh \
  var/log lib/modules; do
  mkdir -p "$guest/$directory"
done
chmod 700 "$guest/root" "$guest/root/.ssh" "$guest/home/guest" "$guest/home/guest/.ssh"
chmod 1777 "$guest/tmp"
chown -R 1000:1000 "$guest/home/guest"
ln -s ../run "$guest/var/run"

# busybox is init and most of the programs.
cp usr/bin/busybox "$guest/bin/busybox"
for applet in $(in_root --list-full); do
  link=$guest/$applet
  mkdir -p "${link%/*}"
  [ -e "$link" ] || ln -s /bin/busybox "$link"
done
ln -s /bin/busybox "$guest/init"

# What busybox has not, or not as the tests want it; with the libraries that it is linked with.
loader=/lib64/ld-linux-x86-64.so.2
copy_program() { # file in the packages, place in the guest
  rm -f "$guest/$2"
  cp "$1" "$guest/$2"
  chroot "$root" "$loader" --list "/$1" | while read -r _ arrow path _; do
    [ "$arrow" = "=>" ] && [ ! -e "$guest$path" ] || continue
    mkdir -p "$guest${path%/*}"
    cp -L "$root$path" "$guest$path"
  done
}
cp -L "$root$loader" "$guest$loader"
copy_program usr/sbin/dropbear usr/sbin/dropbear
copy_program usr/bin/dropbearkey usr/bin/dropbearkey
copy_program usr/sbin/blkid sbin/blkid
copy_program usr/bin/lsblk bin/lsblk
copy_program usr/sbin/mke2fs sbin/mke2fs
for name in mkfs.ext2 mkfs.ext3 mkfs.ext4; do ln -sf mke2fs "$guest/sbin/$name"; done
mkdir -p "$guest/etc"
cp etc/mke2fs.conf "$guest/etc/" 2>/dev/null || true

for file in rc:etc/rc udhcpc.sh:etc/udhcpc.sh inittab:etc/inittab curl.sh:usr/bin/curl mkfs.sh:sbin/mkfs sudo.sh:usr/bin/sudo; do
  rm -f "$guest/${file#*:}"
  install -m 755 "$here/${file%%:*}" "$guest/${file#*:}"
done
chmod 644 "$guest/etc/inittab"
printf '#!/bin/sh\nexec /sbin/poweroff\n' >"$guest/etc/acpi/PWRF/00000080"
chmod 755 "$guest/etc/acpi/PWRF/00000080"
printf 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/home/guest:/bin/sh\n' >"$guest/etc/passwd"
# No password opens an account: keys do.
printf 'root:*:0:0:::::\nguest:*:0:0:::::\n' >"$guest/etc/shadow"
chmod 600 "$guest/etc/shadow"
printf 'root:x:0:\nguest:x:1000:\n' >"$guest/etc/group"
echo /bin/sh >"$guest/etc/shells"

# Modules with what they need, in the order in which they are loaded; what is built into the kernel is no file.
chroot "$root" /usr/sbin/depmod "$kernel"
add_modules() { # list in the guest, modules
  list=$guest/etc/$1
  : >"$list"
  shift
  for name in "$@"; do
    file=$(sed -n "s|^\\([^:]*/$name\\.ko[^:]*\\):.*|\\1|p" "$modules/modules.dep" | head -n 1)
    [ -n "$file" ] || continue
    # modules.dep names last what is to be loaded first.
    ordered=$file
    for one in $(sed -n "s|^$file: *||p" "$modules/modules.dep"); do ordered="$one $ordered"; done
    for one in $ordered; do
      plain=/lib/modules/$(basename "$one" | sed 's/\.ko.*/.ko/')
      if [ ! -e "$guest$plain" ]; then
        case $one in
        *.xz) in_root xz -dc "/$modules/$one" >"$guest$plain" ;;
        *.zst) zstd -q -dc "$modules/$one" >"$guest$plain" ;;
        *) cp "$modules/$one" "$guest$plain" ;;
        esac
      fi
      grep -qx "$plain" "$list" || echo "$plain" >>"$list"
    done
  done
}
add_modules modules.early virtio_pci virtio_net virtio_blk virtio-rng af_packet vfat nls_cp437 nls_ascii
grep -q virtio_net "$guest/etc/modules.early" # without it there is no network
# For the power button, configuration drives, and disks of other kinds: nobody waits for them.
add_modules modules.late button evdev nls_iso8859-1 nls_utf8 ata_piix sr_mod isofs virtio_scsi sd_mod ext4

chmod 755 "$guest"
find "$guest" -exec touch -h -d @0 {} +
in_root sh -c 'cd /guest/root && find . | sort | cpio -o -H newc | gzip -9 >/guest/initrd.gz'

cp boot/vmlinuz-* guest/vmlinuz
cat >guest/syslinux.cfg <<'END'
DEFAULT guest
PROMPT 0
LABEL guest
  KERNEL vmlinuz
  INITRD initrd.gz
  APPEND console=tty0 console=ttyS0,115200 tsc=unstable no_timer_check panic=10 quiet mitigations=off
END

# A disk without partitions: its first sector is the boot loader of the file system on it.
kib=40960
mkdir -p tmp
chroot "$root" /usr/sbin/mkfs.vfat -C -F 16 -n GUEST --invariant /guest/disk.raw "$kib" >/dev/null
chroot "$root" /usr/bin/mcopy -i /guest/disk.raw /guest/vmlinuz /guest/initrd.gz /guest/syslinux.cfg ::
chroot "$root" /usr/bin/syslinux --install /guest/disk.raw
chroot "$root" /usr/bin/qemu-img convert -c -f raw -O qcow2 /guest/disk.raw /guest/guest.qcow2
echo "$kernel" >guest/kernel
chmod 644 guest/guest.qcow2 guest/kernel

# Only the result goes into the archive.
rm -rf guest/root guest/disk.raw guest/vmlinuz guest/initrd.gz guest/syslinux.cfg usr boot
