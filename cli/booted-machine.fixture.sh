#!/bin/sh
# For tests: a real systemd as process 1 of a machine made of namespaces, over this one's files, which stay as
# they are. Needs root. Arguments: an empty folder to work in, and what is to be found in its /opt: the folder of
# what was built, or one of Debian packages. With BOOT_ROOT it is over the files of that folder, and has a network of
# its own.
set -e
work=$1
package=$2
if [ "$3" != inside ]; then
  # A control group of its own, so that systemd finds itself at the root of its tree.
  tree=/sys/fs/cgroup
  [ -d "$tree/systemd" ] && tree=$tree/systemd
  mkdir -p "$tree/$(basename "$work")"
  echo $$ > "$tree/$(basename "$work")/cgroup.procs"
  exec unshare --mount --pid --fork --uts --ipc --cgroup ${BOOT_ROOT:+--net} --kill-child sh "$0" "$work" "$package" inside
fi
mount --make-rprivate /
[ -z "$BOOT_ROOT" ] || ip link set lo up
mkdir -p "$work/layer"
mount -t tmpfs tmpfs "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work" "$work/layer/root"
root=$work/layer/root
mount -t overlay overlay -o "lowerdir=${BOOT_ROOT:-/},upperdir=$work/layer/upper,workdir=$work/layer/work" "$root"
# The settings of the kernel are everybody's: to be read only.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
if [ -d /sys/fs/cgroup/systemd ]; then
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
else
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# Where the services see it.
mkdir -p "$root/opt" "$root/oldroot"
if [ -e "$package/package.json" ]; then
  mkdir -p "$root/opt/echolot/node_modules"
  for part in dist models systemd package.json; do cp -a "$package/$part" "$root/opt/echolot/"; done
  mount --bind -o ro "$package/node_modules" "$root/opt/echolot/node_modules"
else
  cp "$package"/*.deb "$root/opt/"
fi
# Nothing of this machine's own services, and nothing that keeps packages from theirs, as images for containers do.
rm -rf "$root"/etc/systemd/system/* "$root/usr/sbin/policy-rc.d"
for unit in sysinit basic network-online time-sync empty; do
  printf '[Unit]\nDefaultDependencies=no\n' > "$root/etc/systemd/system/$unit.target"
done
printf 'Wants=systemd-journald.socket systemd-journald.service\n' >> "$root/etc/systemd/system/empty.target"
cd "$root"
pivot_root . oldroot
cd /
umount -l /oldroot
mount --make-rshared /
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=empty.target --show-status=no
