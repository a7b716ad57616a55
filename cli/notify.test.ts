import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openNotify } from './notify.ts';
import { NotifySocket } from './notify-socket.fixture.ts';

let folder: string;
let manager: NotifySocket;
let warnings: string[];
const warn = (detail: string) => void warnings.push(detail);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'echolot-notify-'));
  manager = new NotifySocket(folder);
  warnings = [];
});

afterEach(() => {
  manager.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the notify socket', () => {
  it('gets the notices, one a line', async () => {
    const notify = await openNotify({ NOTIFY_SOCKET: manager.path }, warn);
    notify?.send('READY=1', 'STATUS=serving sonar');
    notify?.send('WATCHDOG=1');
    expect(manager.read()).toEqual(['READY=1', 'STATUS=serving sonar', 'WATCHDOG=1']);
    expect(warnings).toEqual([]);
  });

  it('gets no second notice out of a text', async () => {
    const notify = await openNotify({ NOTIFY_SOCKET: manager.path }, warn);
    notify?.send('STATUS=away\nWATCHDOG=1');
    expect(manager.read()).toEqual(['STATUS=away WATCHDOG=1']);
  });

  it('is left alone where the environment names none', async () => {
    const notify = await openNotify({ WATCHDOG_USEC: '1000' }, warn);
    expect([notify, warnings]).toEqual([null, []]);
  });

  it.each([
    ['of a manager that is gone', (path: string) => `${path}-gone`, /ENOENT/],
    ['of no form that there is', () => 'vsock:2:3', /NOTIFY_SOCKET=vsock:2:3/],
    ['longer than addresses are', () => `/${'a'.repeat(200)}`, /NOTIFY_SOCKET/],
    ['of an abstract name that nobody has', () => '@echolot-nobody', /ECONNREFUSED/],
  ])('%s is warned of once, and ends nothing', async (_, pathOf, expected) => {
    const notify = await openNotify({ NOTIFY_SOCKET: pathOf(manager.path) }, warn);
    notify?.send('READY=1');
    notify?.send('WATCHDOG=1');
    expect(warnings).toEqual([expect.stringMatching(expected)]);
  });

  it('does not wait for a manager that reads nothing', async () => {
    const notify = await openNotify({ NOTIFY_SOCKET: manager.path }, warn);
    for (let count = 0; count < 10_000; count += 1) notify?.send('WATCHDOG=1');
    expect(warnings).toEqual([expect.stringMatching(/EAGAIN/)]);
    expect(manager.count('WATCHDOG=1')).toBeGreaterThan(0);
  });
});

describe('the watchdog', () => {
  const watchdog = async (env: Readonly<Record<string, string>>) =>
    (await openNotify({ NOTIFY_SOCKET: manager.path, ...env }, warn))?.watchdogMs;

  it('is known by its microseconds', async () => {
    expect(await watchdog({ WATCHDOG_USEC: '30000000' })).toBe(30_000);
    expect(await watchdog({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) })).toBe(
      30_000,
    );
  });

  it('is none where it is for another process, or not a number', async () => {
    expect(await watchdog({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' })).toBeNull();
    expect(await watchdog({ WATCHDOG_USEC: 'soon' })).toBeNull();
    expect(await watchdog({ WATCHDOG_USEC: '0' })).toBeNull();
    expect(await watchdog({})).toBeNull();
  });
});
