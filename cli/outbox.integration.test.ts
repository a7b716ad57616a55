import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../bus/mosquitto.fixture.ts';
import { loadReplayRows } from '../models/dataset.ts';
import { openOutboxStore } from '../devices/outbox-store.ts';
import { SHIPPED_MODEL } from './package-root.ts';
import { cleanUp, makeFolder, runCli, startCli } from './run-cli.fixture.ts';

afterEach(cleanUp);

/** An outbox for the device dev-1 of a broker that is not there yet. */
async function setUp() {
  const folder = makeFolder();
  const port = await freePort();
  const outbox = join(folder, 'outbox');
  const password = join(folder, 'dev-1.password');
  const env = {
    ECHOLOT_STORE: join(folder, 'store'),
    ECHOLOT_BROKER_URL: `mqtt://127.0.0.1:${port}`,
    ECHOLOT_PORT: String(port),
    ECHOLOT_WS_PORT: 'off',
    ECHOLOT_AGENT_ID: 'edge-1',
    ECHOLOT_CLIENT_ID: 'dev-1',
    ECHOLOT_PASSWORD_FILE: password,
    ECHOLOT_OUTBOX: outbox,
  };
  const added = await runCli(['identity', 'add', 'dev-1', '--role', 'client'], { env });
  writeFileSync(password, added.stdout, { mode: 0o600 });
  const { rows } = await loadReplayRows(SHIPPED_MODEL);
  const send = (args: readonly string[], input = '') =>
    runCli(['outbox', 'send', ...args], { env, input });
  const list = () => runCli(['outbox', 'list'], { env });
  const up = async () => {
    const { ECHOLOT_PASSWORD_FILE: _, ECHOLOT_CLIENT_ID: __, ...rest } = env;
    const running = startCli(['up'], { env: rest });
    await running.says(/^echolot identity add/m);
    return running;
  };
  return { env, folder, list, outbox, rows: rows.map(({ values }) => values), send, up };
}

const parseLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('echolot outbox', () => {
  it('keeps no more than it is told to, the newest, and says what went', async () => {
    const { list, rows, send } = await setUp();
    for (const row of rows.slice(0, 2)) await send(['--max-count', '2'], JSON.stringify(row));
    const third = await send(['--max-count', '2'], JSON.stringify(rows[2]));
    expect(JSON.parse(third.stdout)).toMatchObject({ problem: { code: 'OUTBOX_FULL' } });
    expect(third.stderr).toContain('1 dropped for newer ones');
    expect(JSON.parse((await list()).stdout)).toMatchObject({ count: 2 });
    const old = await send(['--max-age-hours', '577']);
    expect([old.code, old.stderr]).toEqual([64, expect.stringContaining('at most 576 hours')]);
  });

  it('stores off-line, lists what waits, and delivers it when the broker is there', async () => {
    const { folder, list, outbox, rows, send, up } = await setUp();
    const one = await send([], JSON.stringify(rows[0]));
    expect([one.code, one.stdout]).toEqual([75, '']);
    expect(one.stderr).toContain(`1 wait in ${outbox}: the broker is away`);
    const csv = join(folder, 'day.csv');
    const lines = rows.slice(0, 20).map((row, at) => `r-${at},${row.join(',')}`);
    const header = `id,${(rows[0] ?? []).map((_, at) => `b${at}`).join(',')}`;
    writeFileSync(csv, `${[header, ...lines].join('\n')}\n`);
    const many = await send(['--csv', csv]);
    expect(many.stderr).toMatch(/20 stored; 0 answered; 21 wait/);
    const listed = await list();
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      folder: outbox,
      count: 21,
      attempts: 0,
      oldest: expect.stringMatching(/^\d{4}-.*Z$/),
      models: [{ model: 'sonar', count: 21 }],
      damage: null,
    });

    await up();
    const { code, stderr, stdout } = await send([]);
    expect(stderr).toMatch(/0 stored; 21 answered; nothing waits/);
    expect(code).toBe(0);
    const answers = parseLines(stdout);
    const ids = answers.map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set([ids[0], ...lines.map((_, at) => `r-${at}`)]));
    expect(ids).toHaveLength(21);
    expect(answers[0]).toMatchObject({
      label: expect.stringMatching(/^(metal|rock)$/),
      model: { name: 'sonar' },
      agent: 'edge-1',
    });
    expect(JSON.parse((await list()).stdout)).toMatchObject({ count: 0, oldest: null });
  });

  it('reports a problem as the outcome and ends with 1', async () => {
    const { list, send, up } = await setUp();
    await up();
    const { code, stderr, stdout } = await send(['0.1', '0.2']);
    expect(code).toBe(1);
    expect(parseLines(stdout)).toMatchObject([
      { model: 'sonar', problem: { code: 'VALUES_WRONG_LENGTH' } },
    ]);
    expect(stderr).toContain('1 stored; 1 answered, 1 of them with a problem; nothing waits');
    expect(JSON.parse((await list()).stdout)).toMatchObject({ count: 0 });
  });

  it('keeps the rest on Ctrl-C, and when nobody answers in time', async () => {
    const { env, list, send, up } = await setUp();
    await up();
    const asOther = ['--model-name', 'whales'];
    const silent = await send([...asOther, '--timeout-ms', '300', '0.1']);
    expect(silent.code).toBe(75);
    expect(silent.stderr).toMatch(/1 wait in .*: nobody answers/);
    const running = startCli(['outbox', 'send', ...asOther, '0.2'], { env });
    await running.says(/1 stored, 0 answered, 2 wait/);
    running.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.code).toBe(75);
    expect(ended.stderr).toMatch(/2 wait in .*: stopped/);
    expect(JSON.parse((await list()).stdout)).toMatchObject({
      count: 2,
      models: [{ model: 'whales' }],
    });
  });

  it('says who uses the outbox, that there is none, and that none was named', async () => {
    const { env, list, outbox, send } = await setUp();
    expect(await list()).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(`there is no outbox in ${outbox}`),
    });
    const { store } = await openOutboxStore(outbox);
    const error = expect.stringContaining(`error: another process is using the outbox ${outbox}`);
    expect(await list()).toMatchObject({ code: 75, stderr: error });
    expect(await send(['0.1'])).toMatchObject({ code: 75, stderr: error });
    await store.close();
    const { ECHOLOT_OUTBOX: _, ...rest } = env;
    expect(await runCli(['outbox', 'list'], { env: rest })).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('hint: Give --outbox DIR'),
    });
  });

  it('is stored before a broker that refuses the client ends it with 77', async () => {
    const { env, list, up } = await setUp();
    await up();
    const wrong = `${env.ECHOLOT_PASSWORD_FILE}.wrong`;
    writeFileSync(wrong, 'not the password', { mode: 0o600 });
    const args = ['outbox', 'send', '--password-file', wrong, '0.1'];
    const { code } = await runCli(args, { env });
    expect(code).toBe(77);
    expect(JSON.parse((await list()).stdout)).toMatchObject({ count: 1 });
  });
});
