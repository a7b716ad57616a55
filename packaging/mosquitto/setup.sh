#!/bin/bash
# Mosquitto, an agent and a device on one Debian box: TLS, rights by the policy, and the proof that they hold.
set -euo pipefail

readonly STATE=/var/lib/echolot
readonly STORE=$STATE/store
readonly PASSWORDS=$STATE/passwords
readonly RENDERED=$STATE/rendered
readonly FLAGS=$STATE/flags
readonly RESTART=$STATE/.restart
readonly LIST=$STATE/.new-passwords.csv
# Not in /var/lib/mosquitto, which is Mosquitto's own: whoever takes it over could lead root astray there.
readonly DEPLOYED=/var/lib/echolot-mosquitto
readonly ETC=/etc/mosquitto
readonly OURS=$ETC/conf.d/echolot.conf
readonly TRUSTED=/etc/echolot/ca.crt
readonly SETTINGS=/etc/echolot/echolot.env
readonly SYSTEMD=/run/systemd/system
readonly INNER=1884
readonly CERTIFICATES=8884
HERE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
readonly HERE

# shellcheck source=packaging/mosquitto/setup-flags.sh
. "$HERE/setup-flags.sh"

# fail EXIT WHAT REMEDY: the exit codes are those of echolot.
fail() {
  printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
  exit "$1"
}
say() { printf '== %s\n' "$*"; }
# Does it, or says that it would.
run() {
  if $dry_run; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}
# Notes of this script's own, of which a dry run says nothing.
mark() { $dry_run || touch "$@"; }
echolot() { "${command[@]}" "$@"; }

find_echolot() {
  if type -P echolot > /dev/null; then
    command=("$(type -P echolot)")
  elif [ -f "$HERE/../../dist/cli/echolot.js" ] && type -P node > /dev/null; then
    command=(node "$(readlink -f "$HERE/../../dist/cli/echolot.js")")
  else
    fail 78 'the command echolot is not installed' 'Install its package first, or build the clone: npm ci && npm run build.'
  fi
}

# Whether Mosquitto runs on what was set up here before.
is_ours() {
  [ "$(readlink "$OURS" 2> /dev/null)" = "$DEPLOYED/mosquitto.conf" ] && systemctl --quiet is-active mosquitto 2> /dev/null
}

check_machine() {
  local each kept
  if ! $dry_run; then
    [ "$(id -u)" = 0 ] || fail 1 'this sets up services, which takes root' 'Use sudo, or see what it would do: --dry-run.'
    if $start && [ ! -d "$SYSTEMD" ]; then
      fail 1 'this machine is not run by systemd, so nothing could be started' 'For an image: --no-start writes files and identities, and says how to start.'
    fi
  fi
  type -P apt-get > /dev/null || fail 1 'there is no apt-get: this is for Debian' 'docs/mosquitto.md has the steps one by one.'
  kept='Move it away, or add Echolot to it by hand: docs/mosquitto.md has the steps one by one.'
  for each in "$ETC"/conf.d/*.conf; do
    [ -e "$each" ] || [ -L "$each" ] || continue
    [[ ${each##*/} == echolot-*.conf ]] || [ "$(readlink "$each")" = "$DEPLOYED/mosquitto.conf" ] ||
      fail 78 "$each configures this Mosquitto already, and is not of Echolot" "$kept"
  done
  if [ -e "$ETC/mosquitto.conf" ] && ! dpkg-query -W -f '${Conffiles}\n' mosquitto 2> /dev/null |
    grep -qF "$ETC/mosquitto.conf $(md5sum < "$ETC/mosquitto.conf" | cut -d ' ' -f 1)"; then
    fail 78 "$ETC/mosquitto.conf is not as Debian's package has it" "$kept"
  fi
  if $dry_run && [ -d "$STATE" ] && [ ! -x "$STATE" ]; then
    say "without root, $STATE cannot be read: this is what a first run would do"
  fi
  ! $start || check_ports
}

# Each listener that Mosquitto does not have yet; of those that it has, whether there is such an address.
check_ports() {
  local each number tried
  for each in "$listen:$port" "$listen:$CERTIFICATES" "127.0.0.1:$INNER"; do
    number=${each##*:} tried=${each##*:}
    if is_ours && grep -q "^listener $number " "$DEPLOYED/mosquitto.conf"; then tried=0; fi
    node -e 'require("net").createServer().once("error", (e) => process.exit(e.code === "EADDRINUSE" ? 1 : 2)).listen({ host: process.argv[1], port: process.argv[2], ipv6Only: true }, () => process.exit(0))' \
      "${each%:*}" "$tried" && continue
    [ $? = 1 ] || fail 78 "nothing can listen on $each" 'Name an address of this machine with --listen.'
    fail 78 "something else listens on port $number" "Stop it (ss -ltnp 'sport = :$number' names it), or give devices another port with --port."
  done
}

install_mosquitto() {
  if type -P mosquitto mosquitto_pub > /dev/null && [ -e "$ETC/mosquitto.conf" ]; then return; fi
  say 'Mosquitto'
  run apt-get update --quiet
  run env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends mosquitto mosquitto-clients
}

# The names that have an identity, each with its role.
identities() { [ ! -d "$STORE" ] || echolot identity list --store "$STORE" | awk 'NR > 1 { print $1, $2 }'; }

# Of those that there were when this run began.
role_of() { awk -v name="$1" '$1 == name { print $2 }' <<< "$known"; }

# check_role NAME ROLE: before anything is changed.
check_role() {
  local role
  role=$(role_of "$1")
  [ -z "$role" ] || [ "$role" = "$2" ] ||
    fail 78 "the identity $1 is a $role, and cannot be a $2" 'Choose another name.'
  [ -z "$role" ] || [ -s "$PASSWORDS/$1.password" ] ||
    fail 78 "the password of $1 is not in $PASSWORDS" "Put it there, or make another, which voids the one before: echolot identity rotate $1 --store $STORE > $PASSWORDS/$1.password"
}

# add NAME ROLE: an identity with a password that root alone may read, where there is none.
add() {
  local said
  if [ -z "$(role_of "$1")" ]; then
    say "identity $1 ($2)"
    if $dry_run; then
      printf 'would write its password to %s\n' "$PASSWORDS/$1.password"
    else
      # Never half of a password: the name is there once all of it is.
      said=$(umask 077 && echolot identity add "$1" --role "$2" --store "$STORE" 2>&1 > "$PASSWORDS/.new") || {
        printf '%s\n' "$said" >&2
        exit 78
      }
      mv "$PASSWORDS/.new" "$PASSWORDS/$1.password"
    fi
  fi
}

# place FILE OPTION…: root's copy for Mosquitto, with these options of install, where it differs.
place() {
  local file=$1
  shift
  [ ! -L "$DEPLOYED/$file" ] || fail 78 "$DEPLOYED/$file is a link, and no run of this has made it" 'Look who did, and remove it.'
  ! cmp --silent "$RENDERED/$file" "$DEPLOYED/$file" || return 0
  # It is there until Mosquitto has read what changes now, even if this run is killed.
  mark "$RESTART"
  run install -T "$@" "$RENDERED/$file" "$DEPLOYED/$file"
  changed=true
}

# Mosquitto may read what root writes; the rights alone are its own, and once it has them they are told, not overwritten.
deploy() {
  local file changed=false
  [ ! -e "$RESTART" ] || changed=true
  say "broker: TLS for $tls_names on $at:$port"
  mark "$STATE/.rendering"
  run echolot policy render mosquitto --store "$STORE" --out "$RENDERED" --at "$DEPLOYED" --included \
    --tls-names "$tls_names" --clients "$at:$port" --certificates "$at:$CERTIFICATES" --inner "127.0.0.1:$INNER" 2>&1 |
    sed '/^ln -s /d; s/ Have it read with:$//'
  # The sticky bit keeps Mosquitto, which writes its rights here, from root's files.
  run install -d -o root -g mosquitto -m 1771 "$DEPLOYED"
  place mosquitto.conf -m 0644
  for file in ca.crt ca.crl broker.crt broker.key; do place "$file" -g mosquitto -m 0640; done
  file=$DEPLOYED/dynamic-security.json
  if [ -L "$file" ] || [ ! -e "$file" ]; then
    place dynamic-security.json -o mosquitto -g mosquitto -m 0600
    mark -r "$STATE/.rendering" "$STATE/.told"
  fi
  # What devices trust, for everybody to read.
  run install -D -m 0644 "$RENDERED/ca.crt" "$TRUSTED"
  if [ ! -L "$OURS" ]; then
    say 'port 1883, where Mosquitto lets everybody on this machine in without a password, is closed from now on'
    mark "$RESTART"
    run ln -s "$DEPLOYED/mosquitto.conf" "$OURS"
    changed=true
  fi
  $start || return 0
  run systemctl --quiet enable mosquitto
  if $changed; then run systemctl restart mosquitto; else run systemctl start mosquitto; fi
  $dry_run || rm -f "$RESTART"
}

# What the running broker does not know yet, with the passwords of who is new to it or has another since.
apply() {
  local name rights
  say 'rights'
  if ! $dry_run; then
    (umask 077 && echo name,password > "$LIST")
    known=$(identities)
    rights=$(tr -d ' \t\n' < "$DEPLOYED/dynamic-security.json")
    while read -r name _; do
      [ -s "$PASSWORDS/$name.password" ] || continue
      [[ $rights == *"\"username\":\"$name\""* && ! $PASSWORDS/$name.password -nt $STATE/.told ]] ||
        printf '%s,%s\n' "$name" "$(cat "$PASSWORDS/$name.password")" >> "$LIST"
    done <<< "$known"
  fi
  run echolot policy apply --url "mqtt://127.0.0.1:$INNER" --store "$STORE" --passwords "$LIST"
  run rm -f "$LIST"
  mark -r "$STATE/.rendering" "$STATE/.told"
}

start_agent() {
  say "agent $agent"
  run echolot service install agent --agent-id "$agent" --broker-url "mqtt://127.0.0.1:$INNER" \
    --password-file "$PASSWORDS/$agent.password"
  # Complete when the agent has proved itself at its broker.
  run timeout 60 systemctl start "echolot-agent@$agent" ||
    fail 69 "the agent $agent is not ready after a minute" "Ask what it lacks: echolot doctor --service $agent"
}

prove() {
  say 'proof: what each role may do and may not, tried on the running broker'
  run echolot policy prove --url "mqtt://127.0.0.1:$INNER" --store "$STORE" --config "$DEPLOYED"
  say "proof: the same over TLS, on the port for devices"
  run echolot policy prove --url "mqtts://$reach:$port" --ca "$TRUSTED" --store "$STORE" |
    sed '/ ok$/d'
  { $serve && [ -n "$device" ]; } || return 0
  say "one reading of $device, over TLS"
  run echolot classify --client-id "$device" --password-file "$PASSWORDS/$device.password" \
    --broker-url "mqtts://$reach:$port" --ca "$TRUSTED" --file "$HERE/reading.json"
}

# The variables that count for every later command, too.
with_variables() {
  local name
  for name in "${!variables[@]}"; do printf '%s=%q ' "$name" "${variables[$name]}"; done
}

next_steps() {
  cat <<END

Done. A device needs three things: ${tls_names%%,*}:$port, $TRUSTED and its password.
$(for name in $device $operator; do printf '  %-20s %s\n' "$name" "$PASSWORDS/$name.password"; done)
Next:
$($serve && printf '  %s\n' "systemctl status echolot-agent@$agent" "echolot doctor --service $agent")
  another device:   $0 --device-id NAME
  another agent:    $0 --agent-id NAME
  take one away:    echolot identity remove NAME --store $STORE && $(with_variables)echolot policy apply --url mqtt://127.0.0.1:$INNER --store $STORE
  undo everything:  echolot service uninstall && rm $OURS && systemctl restart mosquitto && rm -r $DEPLOYED $STATE $TRUSTED
END
}

not_started() {
  cat <<END

Written, and nothing started: Mosquitto, the agent, and so no proof. On the machine itself run this again
without --no-start, or by hand, where there is no systemd:
  install -d -o mosquitto /run/mosquitto /var/log/mosquitto && mosquitto -c $ETC/mosquitto.conf -d
$($serve && echo "  $(with_variables)echolot agent --agent-id $agent --password-file $PASSWORDS/$agent.password --broker-url mqtt://127.0.0.1:$INNER")
  $(with_variables)echolot policy prove --url mqtt://127.0.0.1:$INNER --store $STORE --config $DEPLOYED
END
}

read_flags "$@"
find_echolot
settle
known=$(identities)
leave_out_who_is_gone
check_flags
check_machine
! $serve || check_role "$agent" predictor
[ -z "$device" ] || check_role "$device" client
[ -z "$operator" ] || check_role "$operator" operator
install_mosquitto
run install -d -m 0700 "$STATE" "$PASSWORDS"
# Nothing secret is left lying about by a run that fails.
$dry_run || trap 'rm -f "$LIST" "$PASSWORDS/.new"' EXIT
! $serve || add "$agent" predictor
[ -z "$device" ] || add "$device" client
[ -z "$operator" ] || add "$operator" operator
remember
deploy
if ! $start; then
  not_started
  exit 0
fi
apply
! $serve || start_agent
prove
$dry_run || next_steps
