#!/bin/sh
# What compose.yaml starts from: two identities, each password where its owner alone reads it, and Mosquitto's files.
set -eu
umask 077
home=/var/lib/echolot
export ECHOLOT_STORE="$home/identities"

# Whoever has a password keeps it, as long as its identity is there: a volume may be lost without the other.
enrol() {
  if [ -s "$3/password" ] && echolot identity list --json | grep -qF "\"name\":\"$1\""; then
    return
  fi
  echolot identity remove "$1" >/dev/null 2>&1 || true
  echolot identity add "$1" --role "$2" >"$3/password.new"
  mv "$3/password.new" "$3/password"
}

enrol edge-1 predictor "$home/agent"
enrol dev-1 client "$home/device"
echolot policy render mosquitto --out "$home/broker" --clients 0.0.0.0:1883 --inner 127.0.0.1:1884 \
  --plugin /usr/lib/mosquitto_dynamic_security.so
