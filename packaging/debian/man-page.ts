// The manual pages echolot(1) and echolot-mosquitto-setup(8), from what the commands say of themselves.

/** @param help what `echolot --help` prints */
export function renderManPage(help: string, version: string): string {
  return [
    `.TH ECHOLOT 1 "" "echolot ${version}" "User Commands"`,
    '.SH NAME',
    'echolot \\- classify sensor readings over MQTT, with nothing but a broker in the middle',
    '.SH SYNOPSIS',
    '.B echolot',
    '[\\fIoptions\\fR] [\\fIcommand\\fR]',
    '.SH DESCRIPTION',
    'Each command describes itself, its flags and their environment variables: echolot help COMMAND.',
    '.PP',
    '.nf',
    ...help.trimEnd().split('\n').map(literal),
    '.fi',
    '.SH FILES',
    '.TP',
    '/etc/echolot/echolot.env',
    'settings of all services; agent\\-NAME.env and broker.env beside it are those of one',
    '.TP',
    '/etc/credstore/echolot\\-agent\\-NAME.password',
    'the password of an agent, for root alone',
    '.TP',
    '/var/lib/echolot\\-agent, /var/lib/echolot\\-broker',
    'what the services keep',
    '.SH SEE ALSO',
    '/usr/share/doc/echolot/deployment.md, \\fBsystemctl\\fR(1), \\fBmosquitto\\fR(8)',
    '',
  ].join('\n');
}

/** @param help what `echolot-mosquitto-setup --help` prints */
export function renderSetupPage(help: string, version: string): string {
  return [
    `.TH ECHOLOT\\-MOSQUITTO\\-SETUP 8 "" "echolot ${version}" "System Administration"`,
    '.SH NAME',
    'echolot\\-mosquitto\\-setup \\- Mosquitto, an agent and a device with TLS, rights and their proof',
    '.SH SYNOPSIS',
    '.B echolot\\-mosquitto\\-setup',
    '[\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    '.nf',
    ...help.trimEnd().split('\n').map(literal),
    '.fi',
    '.SH SEE ALSO',
    '/usr/share/doc/echolot/mosquitto.md, \\fBecholot\\fR(1), \\fBmosquitto\\fR(8)',
    '',
  ].join('\n');
}

/** A line as it is: a backslash, a hyphen, and a dot or quote at the beginning mean something to troff. */
function literal(line: string): string {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
