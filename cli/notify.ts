// The notify socket of systemd (sd_notify(3)): datagrams of our own process; without the socket, nothing.
import type { Environment } from './settings.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** The manager that does not read must not stop us: a notice may get lost. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of unix(7). */
const MAX_PATH_BYTES = 107;

/** A line of sd_notify, such as `READY=1`. */
type Notice = `READY=1` | `STOPPING=1` | `WATCHDOG=1` | `STATUS=${string}`;

export interface Notify {
  /** How often `WATCHDOG=1` is expected at least; `null` where nobody waits for it. */
  readonly watchdogMs: number | null;
  /** Sends the notices in one datagram. Never throws; what cannot be sent is lost. */
  send(...notices: readonly Notice[]): void;
}

/** Sends bytes to a socket's address. Throws where they cannot be sent. */
type SendDatagram = (address: string, bytes: Buffer) => void;

/**
 * The notices of this process to the service manager that its environment names.
 * @returns `null` where there is none, or where its socket cannot be used
 * @param warn told once where there is a manager that cannot be reached, and why
 */
export async function openNotify(
  env: Environment,
  warn: (detail: string) => void,
): Promise<Notify | null> {
  const address = env['NOTIFY_SOCKET'];
  if (!address) return null;
  let isWarned = false;
  const tell = (error: unknown) => {
    if (!isWarned) warn(error instanceof Error ? error.message : String(error));
    isWarned = true;
  };
  try {
    checkAddress(address);
    const sendDatagram = await loadSendDatagram();
    return {
      watchdogMs: readWatchdog(env),
      send: (...notices) => {
        try {
          // A status is one line; a line feed in it would begin another notice.
          const lines = notices.map((notice) => notice.replace(/\p{Cc}/gu, ' '));
          sendDatagram(address, Buffer.from(`${lines.join('\n')}\n`));
        } catch (error) {
          tell(error);
        }
      },
    };
  } catch (error) {
    tell(error);
    return null;
  }
}

/** WATCHDOG_USEC counts for the process that WATCHDOG_PID names, where it does. */
function readWatchdog({ WATCHDOG_PID: pid, WATCHDOG_USEC: text = '' }: Environment): number | null {
  if (pid && pid !== String(process.pid)) return null;
  const microseconds = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return microseconds > 0 ? microseconds / 1000 : null;
}

function checkAddress(address: string): void {
  if (!/^[/@]./.test(address) || Buffer.byteLength(address) > MAX_PATH_BYTES) {
    throw new Error(`NOTIFY_SOCKET=${address} is not the path or the abstract name of a socket`);
  }
}

/** Node has no datagrams on local sockets, so these are calls of the C library. */
async function loadSendDatagram(): Promise<SendDatagram> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const socket = library.func('int socket(int domain, int type, int protocol)');
  const sendto = library.func(
    'intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)',
  );
  const close = library.func('int close(int fd)');
  const check = (result: number, what: string) => {
    if (result >= 0) return result;
    const code = koffi.errno();
    const name = Object.entries(koffi.os.errno).find(([, number]) => number === code)?.[0];
    throw new Error(`${what}: ${name ?? `error ${code}`}`);
  };
  return (address, bytes) => {
    const to = socketAddress(address);
    const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket');
    try {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      check(sendto(fd, bytes, bytes.length, flags, to, to.length), `sending to ${address}`);
    } finally {
      close(fd);
    }
  };
}

/** `sockaddr_un`: the family in the machine's order, then the path; an abstract name begins with a zero. */
function socketAddress(address: string): Buffer {
  const family = Buffer.from(Uint16Array.of(AF_UNIX).buffer);
  if (address.startsWith('@')) return Buffer.concat([family, Buffer.from(`\0${address.slice(1)}`)]);
  return Buffer.concat([family, Buffer.from(`${address}\0`)]);
}
