#!/bin/bash
# Mosquitto, an agent and a device on one Debian box: TLS, rights by the policy, and the proof that they hold.
set -euo pipefail

usage() {
  cat <<'END'
Usage: echolot-mosquitto-setup [--host NAME] [--agent-id NAME] [--device-id NAME] [--operator-id NAME]
                               [--listen ADDRESS] [--port PORT] [--no-agent] [--dry-run] [--no-start]

Sets up Mosquitto with TLS and the rights of Echolot's policy, one agent as a service, one device and one
operator; then proves the rights on the running broker and has one reading classified. As root, on Debian
12 or later. Run again, it changes what differs; with another --device-id or --agent-id it adds that one.

  --host NAME         how devices call this machine; a,b for several (default: its name and addresses)
  --agent-id NAME     the agent (default: this machine's name, without its domain)
  --device-id NAME    the device (default: buoy-1)
  --operator-id NAME  who may watch (default: op-1)
  --listen ADDRESS    where devices connect (default: 0.0.0.0)
  --port PORT         the port for devices (default: 8883)
  --no-agent          no agent here: for an edge that is bridged to agents elsewhere
  --dry-run           say what would be done, and do nothing
  --no-start          write files and identities only, for an image: no service, no proof
  --help              this text

Beside the devices' port: 8884 for certificates instead of passwords, and 1884 on loopback for agents.
END
}

readonly STATE=/var/lib/echolot
readonly STORE=$STATE/store
readonly PASSWORDS=$STATE/passwords
readonly RENDERED=$STATE/rendered
readonly DEPLOYED=/var/lib/mosquitto/echolot
readonly ETC=/etc/mosquitto
readonly OURS=$ETC/conf.d/echolot.conf
readonly TRUSTED=/etc/echolot/ca.crt
readonly INNER=1884
readonly CERTIFICATES=8884
HERE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
readonly HERE

host='' agent='' device=buoy-1 operator=op-1 listen=0.0.0.0 port=8883
dry_run=false start=true serve=true

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
echolot() { "${command[@]}" "$@"; }

read_flags() {
  while [ $# -gt 0 ]; do
    case $1 in
      --host | --agent-id | --device-id | --operator-id | --listen | --port)
        [ -n "${2:-}" ] || fail 64 "$1 has no value" 'See --help.'
        case $1 in
          --host) host=$2 ;;
          --agent-id) agent=$2 ;;
          --device-id) device=$2 ;;
          --operator-id) operator=$2 ;;
          --listen) listen=$2 ;;
          --port) port=$2 ;;
        esac
        shift 2
        ;;
      --dry-run) dry_run=true && shift ;;
      --no-start) start=false && shift ;;
      --no-agent) serve=false && shift ;;
      --help | -h) usage && exit 0 ;;
      *) fail 64 "unknown argument $1" 'See --help.' ;;
    esac
  done
}

check_flags() {
  local own name
  own=$(uname -n)
  agent=${agent:-${own%%.*}}
  # Its name, the full one too where it has one, and its addresses.
  host=${host:-$(printf '%s ' "$own" "$(hostname -f 2> /dev/null || true)" "$(hostname -I 2> /dev/null || true)" |
    tr ' ' '\n' | awk 'NF && !seen[$0]++' | paste -sd,)}
  for name in "$agent" "$device" "$operator"; do
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$ ]] ||
      fail 64 "$name is no name" 'A name is 1 to 64 letters, digits, dots, dashes and underscores, a letter or a digit first.'
  done
  [ "$(printf '%s\n' "$agent" "$device" "$operator" | sort -u | wc -l)" = 3 ] ||
    fail 64 'agent, device and operator have the same name' 'Each is one identity: give three names.'
  [[ $host =~ ^[A-Za-z0-9.:,-]+$ ]] || fail 64 "--host $host is no name of a machine" 'Expected is a name or an address; a,b for several.'
  [[ $listen =~ ^[A-Za-z0-9.:-]+$ ]] || fail 64 "--listen $listen is no address" 'Expected is an address such as 0.0.0.0.'
  { [[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ]; } || fail 64 "--port $port is no port" 'Expected is a number from 1 to 65535.'
  for name in $INNER $CERTIFICATES; do
    [ "$port" != "$name" ] || fail 64 "--port $port is taken for another purpose" "Expected is another port than $INNER and $CERTIFICATES."
  done
}

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
    if $start && [ ! -d /run/systemd/system ]; then
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
  is_ours || ! $start || check_ports
}

check_ports() {
  local each
  for each in "$listen:$port" "$listen:$CERTIFICATES" "127.0.0.1:$INNER"; do
    node -e 'require("net").createServer().once("error", (e) => process.exit(e.code === "EADDRINUSE" ? 1 : 2)).listen(process.argv[2], process.argv[1], () => process.exit(0))' \
      "${each%:*}" "${each##*:}" && continue
    [ $? = 1 ] || fail 78 "nothing can listen on $each" 'Name an address of this machine with --listen.'
    fail 78 "something else listens on port ${each##*:}" "Stop it (ss -ltnp 'sport = :${each##*:}' names it), or give devices another port with --port."
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

role_of() { identities | awk -v name="$1" '$1 == name { print $2 }'; }

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

# Mosquitto's own copy; the rights belong to the plugin once it has them, and are told, not overwritten.
deploy() {
  local file changed=false
  say "broker: TLS for $host on $listen:$port"
  run echolot policy render mosquitto --store "$STORE" --out "$RENDERED" --at "$DEPLOYED" --included \
    --tls-names "$host" --clients "$listen:$port" --certificates "$listen:$CERTIFICATES" --inner "127.0.0.1:$INNER" 2>&1 |
    sed '/^ln -s /d; s/ Have it read with:$//'
  $dry_run || [ -d "$DEPLOYED" ] || install -d -o mosquitto -g mosquitto -m 0700 "$DEPLOYED"
  for file in mosquitto.conf dynamic-security.json ca.crt ca.crl broker.crt broker.key; do
    [ "$file" != dynamic-security.json ] || [ ! -e "$DEPLOYED/$file" ] || continue
    cmp --silent "$RENDERED/$file" "$DEPLOYED/$file" && continue
    run install -o mosquitto -g mosquitto -m 0600 "$RENDERED/$file" "$DEPLOYED/$file"
    changed=true
  done
  # What devices trust, for everybody to read.
  run install -D -m 0644 "$RENDERED/ca.crt" "$TRUSTED"
  if [ ! -L "$OURS" ]; then
    run ln -s "$DEPLOYED/mosquitto.conf" "$OURS"
    changed=true
  fi
  $start || return 0
  run systemctl --quiet enable mosquitto
  if $changed; then run systemctl restart mosquitto; else run systemctl start mosquitto; fi
}

# What the running broker does not know yet, with the passwords of who is new to it.
apply() {
  local name list=$STATE/.new-passwords.csv
  say 'rights'
  if ! $dry_run; then
    (umask 077 && echo name,password > "$list")
    identities | while read -r name _; do
      [ -s "$PASSWORDS/$name.password" ] || continue
      tr -d ' \t\n' < "$DEPLOYED/dynamic-security.json" | grep -qF "\"username\":\"$name\"" ||
        printf '%s,%s\n' "$name" "$(cat "$PASSWORDS/$name.password")" >> "$list"
    done
  fi
  run echolot policy apply --url "mqtt://127.0.0.1:$INNER" --store "$STORE" --passwords "$list"
  run rm -f "$list"
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
  run echolot policy prove --url "mqtts://127.0.0.1:$port" --ca "$TRUSTED" --store "$STORE" |
    sed '/ ok$/d'
  $serve || return 0
  say "one reading of $device, over TLS"
  run echolot classify --client-id "$device" --password-file "$PASSWORDS/$device.password" \
    --broker-url "mqtts://127.0.0.1:$port" --ca "$TRUSTED" --file "$HERE/reading.json"
}

next_steps() {
  cat <<END

Done. A device needs three things: ${host%%,*}:$port, $TRUSTED and its password.
  $device              $PASSWORDS/$device.password
  $operator (watches)  $PASSWORDS/$operator.password
Next:
$($serve && printf '  %s\n' "systemctl status echolot-agent@$agent" "echolot doctor --service $agent")
  another device:   $0 --device-id NAME
  another agent:    $0 --agent-id NAME
  take one away:    echolot identity remove NAME --store $STORE && echolot policy apply --url mqtt://127.0.0.1:$INNER --store $STORE
  undo everything:  echolot service uninstall && rm $OURS && systemctl restart mosquitto && rm -r $DEPLOYED $STATE $TRUSTED
END
}

not_started() {
  cat <<END

Written, and nothing started: Mosquitto, the agent, and so no proof. On the machine itself run this again
without --no-start, or by hand, where there is no systemd:
  install -d -o mosquitto /run/mosquitto /var/log/mosquitto && mosquitto -c $ETC/mosquitto.conf -d
$($serve && echo "  echolot agent --agent-id $agent --password-file $PASSWORDS/$agent.password --broker-url mqtt://127.0.0.1:$INNER")
  echolot policy prove --url mqtt://127.0.0.1:$INNER --store $STORE --config $DEPLOYED
END
}

read_flags "$@"
find_echolot
check_flags
check_machine
! $serve || check_role "$agent" predictor
check_role "$device" client
check_role "$operator" operator
install_mosquitto
run install -d -m 0700 "$STATE" "$PASSWORDS"
! $serve || add "$agent" predictor
add "$device" client
add "$operator" operator
deploy
if ! $start; then
  not_started
  exit 0
fi
apply
! $serve || start_agent
prove
$dry_run || next_steps
