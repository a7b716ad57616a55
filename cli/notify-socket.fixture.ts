// For tests: a service manager's side of the notify socket, which keeps every datagram that it is sent.
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

const library = koffi.load(null);
const socket = library.func('int socket(int domain, int type, int protocol)');
const bind = library.func('int bind(int fd, const void *address, uint32_t size)');
const recv = library.func('intptr_t recv(int fd, _Out_ void *bytes, size_t length, int flags)');
const close = library.func('int close(int fd)');

/** How often it looks. */
const POLL_MS = 5;

export class NotifySocket {
  readonly path: string;
  /** Every line that came, in order. */
  readonly lines: string[] = [];
  private readonly fd: number;
  private readonly bytes = Buffer.alloc(8192);

  /** @param folder it lies in this folder as `notify` */
  constructor(folder: string) {
    this.path = join(folder, 'notify');
    this.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    const family = Buffer.from(Uint16Array.of(AF_UNIX).buffer);
    const address = Buffer.concat([family, Buffer.from(`${this.path}\0`)]);
    if (bind(this.fd, address, address.length) !== 0) throw new Error(`cannot bind ${this.path}`);
  }

  /** Takes in what has come. */
  read(): readonly string[] {
    for (;;) {
      const length: number = recv(this.fd, this.bytes, this.bytes.length, MSG_DONTWAIT);
      if (length < 0) return this.lines;
      const text = this.bytes.subarray(0, length).toString('utf8');
      this.lines.push(...text.split('\n').filter((line) => line !== ''));
    }
  }

  count(line: string): number {
    return this.read().filter((each) => each === line).length;
  }

  /** Waits until it is so of the lines; the test's time-out is the limit. */
  async until(isSo: (lines: readonly string[]) => boolean): Promise<void> {
    while (!isSo(this.read())) await setTimeout(POLL_MS);
  }

  close(): void {
    close(this.fd);
  }
}
