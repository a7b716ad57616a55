#!/bin/sh
# For tests: a fresh Debian 13 in an empty folder, with Node and Mosquitto from Debian itself. Needs root and a mirror.
# The plain system is made once and kept as an archive. Arguments: the folder, and the file of the archive.
set -e
root=$1
archive=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
if [ ! -s "$archive" ]; then
  mkdir -p "$(dirname "$archive")"
  rm -rf "$archive.root"
  # Complete or not there: it takes its name at the end.
  debootstrap --variant=minbase \
    --include=ca-certificates,mosquitto,mosquitto-clients,nodejs,systemd trixie "$archive.root" "$mirror"
  chroot "$archive.root" apt-get clean
  tar -C "$archive.root" -cf "$archive.new" .
  rm -rf "$archive.root"
  mv "$archive.new" "$archive"
fi
mkdir -p "$root"
tar -C "$root" -xf "$archive"
