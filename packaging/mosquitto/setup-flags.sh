# What setup.sh is told: by its flags, by the environment, and by its runs before. To be sourced.

usage() {
  cat <<'END'
Usage: echolot-mosquitto-setup [--host NAME] [--agent-id NAME] [--device-id NAME] [--operator-id NAME]
                               [--listen ADDRESS] [--port PORT] [--no-agent] [--dry-run] [--no-start]

Sets up Mosquitto with TLS and the rights of Echolot's policy, one agent as a service, one device and one
operator; then proves the rights on the running broker and has one reading classified. As root, on Debian
12 or later. Run again, it changes what differs and remembers what it was told; with another --device-id or
--agent-id it adds that one.

  --host NAME         how devices call this machine; a,b for several (default: its name and addresses)
  --agent-id NAME     the agent (default: this machine's name, without its domain)
  --device-id NAME    the device (default: buoy-1)
  --operator-id NAME  who may watch (default: op-1)
  --listen ADDRESS    where devices connect (default: 0.0.0.0, every IPv4 address; :: is every IPv6 address)
  --port PORT         the port for devices (default: 8883)
  --no-agent          no agent here: for an edge that is bridged to agents elsewhere
  --dry-run           say what would be done, and do nothing
  --no-start          write files and identities only, for an image: no service, no proof
  --help              this text

The defaults are those of a first run; later it is what the runs before were told. ECHOLOT_NAMESPACE,
ECHOLOT_GROUP and ECHOLOT_POLICY count too: of the environment, of a run before, of /etc/echolot/echolot.env.
Beside the devices' port: 8884 for certificates instead of passwords, and 1884 on loopback for agents.
END
}

host='' agent='' device=buoy-1 operator=op-1 listen=0.0.0.0 port=8883 serve=true
dry_run=false start=true
# The flags of this run, and the variables that are to be remembered.
declare -A named=() variables=()

read_flags() {
  while [ $# -gt 0 ]; do
    case $1 in
      --host | --agent-id | --device-id | --operator-id | --listen | --port)
        [ -n "${2:-}" ] || fail 64 "$1 has no value" 'See --help.'
        named[$1]=$2
        shift 2
        ;;
      --dry-run) dry_run=true && shift ;;
      --no-start) start=false && shift ;;
      --no-agent) named[$1]=yes && shift ;;
      --help | -h) usage && exit 0 ;;
      *) fail 64 "unknown argument $1" 'See --help.' ;;
    esac
  done
}

# What the runs before were told. Read, never executed; check_flags looks at each value as if it were given now.
recall() {
  local name value
  [ -r "$FLAGS" ] || return 0
  { [ -O "$FLAGS" ] && [ ! -L "$FLAGS" ]; } || fail 78 "$FLAGS is not a file of root's own" "Look who wrote it; without it, all flags are to be given again: rm $FLAGS"
  while IFS='=' read -r name value; do
    case $name in
      host | agent | device | operator | listen | port | serve) printf -v "$name" %s "$value" ;;
      ECHOLOT_NAMESPACE | ECHOLOT_GROUP | ECHOLOT_POLICY) variables[$name]=$value ;;
      *) fail 78 "$FLAGS has a line that none of Echolot wrote: $name" "Without it, all flags are to be given again: rm $FLAGS" ;;
    esac
  done < "$FLAGS"
}

remember() {
  local name
  if $dry_run; then
    printf 'would remember what it was told in %s\n' "$FLAGS"
    return
  fi
  (
    umask 077
    {
      for name in host agent device operator listen port serve; do printf '%s=%s\n' "$name" "${!name}"; done
      for name in "${!variables[@]}"; do printf '%s=%s\n' "$name" "${variables[$name]}"; done
    } > "$FLAGS.new"
  )
  mv "$FLAGS.new" "$FLAGS"
}

# This run's word counts more than that of the runs before.
settle() {
  recall
  host=${named[--host]:-$host}
  device=${named[--device-id]:-$device}
  operator=${named[--operator-id]:-$operator}
  listen=${named[--listen]:-$listen}
  port=${named[--port]:-$port}
  agent=${named[--agent-id]:-$agent}
  [ -z "${named[--agent-id]:-}" ] || serve=true
  [ -z "${named[--no-agent]:-}" ] || serve=false
  settle_variables
}

# As the services: what the environment says, else a run before, else the file of settings.
settle_variables() {
  local name value
  for name in ECHOLOT_NAMESPACE ECHOLOT_GROUP ECHOLOT_POLICY; do
    value=${!name:-}
    [ "$name" != ECHOLOT_POLICY ] || [ -z "$value" ] || value=$(readlink -m "$value")
    [ -z "$value" ] || variables[$name]=$value
    value=${variables[$name]:-$( (sed -n "s/^$name=//p" "$SETTINGS" 2> /dev/null || true) | tail -n 1 | tr -d "\"'")}
    [[ $value =~ ^[A-Za-z0-9_./\ -]*$ ]] || fail 64 "$name=$value cannot be used" 'Expected are letters, digits, dots, dashes and underscores; a path with slashes for ECHOLOT_POLICY.'
    [ -z "$value" ] || export "$name=$value"
  done
}

# The names of this machine that a certificate can carry, the full one too where it has one, and its addresses.
own_names() {
  printf '%s ' "$(uname -n)" "$(hostname -f 2> /dev/null || true)" "$(hostname -I 2> /dev/null || true)" |
    tr ' ' '\n' | awk '/^[A-Za-z0-9][A-Za-z0-9.:-]*$/ && !seen[$0]++' | paste -sd,
}

check_flags() {
  local own name who=()
  own=$(uname -n)
  agent=${agent:-${own%%.*}}
  [[ $serve =~ ^(true|false)$ ]] || fail 78 "$FLAGS says serve=$serve" 'Expected is true or false.'
  ! $serve || who=("$agent")
  # The device and the operator of a run before may be gone.
  who+=(${device:+"$device"} ${operator:+"$operator"})
  for name in "${who[@]}"; do
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$ ]] ||
      fail 64 "$name is no name" 'A name is 1 to 64 letters, digits, dots, dashes and underscores, a letter or a digit first.'
  done
  [ -z "$(printf '%s\n' "${who[@]}" | sort | uniq -d)" ] ||
    fail 64 'agent, device and operator have the same name' 'Each is one identity: give three names.'
  [[ ,$host =~ ^(,[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9:])?)+$ ]] || [ -z "$host" ] ||
    fail 64 "--host $host is no name of a machine" 'Expected is a name (letters, digits, dashes and dots) or an address; a,b for several.'
  [[ $listen =~ ^[A-Za-z0-9.:-]+$ ]] || fail 64 "--listen $listen is no address" 'Expected is an address such as 0.0.0.0.'
  { [[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ]; } || fail 64 "--port $port is no port" 'Expected is a number from 1 to 65535.'
  for name in $INNER $CERTIFICATES; do
    [ "$port" != "$name" ] || fail 64 "--port $port is taken for another purpose" "Expected is another port than $INNER and $CERTIFICATES."
  done
  settle_addresses
}

# In brackets, as in a URL: where to listen, and where this machine reaches itself there.
settle_addresses() {
  at=$listen
  [[ $listen != *:* ]] || at="[$listen]"
  case $listen in
    0.0.0.0) reach=127.0.0.1 ;;
    ::) reach='[::1]' ;;
    *) reach=$at ;;
  esac
  tls_names=${host:-$(own_names)}
  tls_names=${tls_names:-localhost}
  [[ $listen =~ ^(0\.0\.0\.0|::)$ ]] || tls_names+=,$listen
}

# The identity has not been removed since, and its password was not taken along.
is_there() { [ -n "$(role_of "$1")" ] && [ -s "$PASSWORDS/$1.password" ]; }

# Who was named by runs before alone, and is gone, is not made again.
leave_out_who_is_gone() {
  [ -r "$FLAGS" ] || return 0
  [ -n "${named[--device-id]:-}" ] || is_there "$device" || device=''
  [ -n "${named[--operator-id]:-}" ] || is_there "$operator" || operator=''
  [ -n "${named[--agent-id]:-}" ] || is_there "$agent" || serve=false
}
