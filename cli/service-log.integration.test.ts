// The log of a service as processes write it: into a pipe, into a journal, for people, and after signals.
import { afterEach, describe, expect, it } from 'vitest';
import {
  BIN,
  cleanUp,
  makeFolder,
  type RunningCli,
  startCli,
  startProgram,
} from './run-cli.fixture.ts';

afterEach(cleanUp);

const quiet = ['--port', '0', '--ws-port', 'off'];
const brokerArgs = () => ['broker', ...quiet, '--store', makeFolder()];
const LISTENS = /broker listens/;
const linesOf = (text: string) => text.trimEnd().split(/\r?\n/);

/** As systemd does: standard error is connected to the journal, and the variable says which inode that is. */
function startInJournal(args: readonly string[]): RunningCli {
  const script = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"';
  return startProgram('sh', ['-c', script, 'sh', process.execPath, BIN, ...args]);
}

/** At a terminal, which `script` makes; what it shows is the standard output. */
function startAtTerminal(args: readonly string[]): RunningCli {
  const words = [process.execPath, BIN, ...args].map((word) => `'${word}'`).join(' ');
  return startProgram('script', ['--quiet', '--return', '--command', words, '/dev/null']);
}

describe('the log of a service', () => {
  it('is JSON alone in a pipe, also where a journal is connected elsewhere', async () => {
    for (const env of [{}, { JOURNAL_STREAM: '1:2' }]) {
      const broker = startCli(brokerArgs(), { env });
      await broker.says(LISTENS);
      broker.kill('SIGTERM');
      const { stderr } = await broker.ended;
      for (const line of linesOf(stderr)) expect(JSON.parse(line)).toMatchObject({ level: 30 });
    }
  });

  it('has a priority in front of each line in the journal, and JSON behind it', async () => {
    const broker = startInJournal(brokerArgs());
    const [, port] = await broker.says(/"port":(\d+)/);
    const second = startInJournal([...brokerArgs(), '--port', port ?? '']);
    const { code, stderr } = await second.ended;
    expect(code).toBe(78);
    const [, priority, json = ''] = /^<(\d)>(.*)\n$/.exec(stderr) ?? [];
    expect(priority).toBe('2');
    expect(JSON.parse(json)).toMatchObject({
      level: 60,
      code: 'PORT_BUSY',
      hint: expect.stringContaining('--port') as string,
    });
    broker.kill('SIGTERM');
    for (const line of linesOf((await broker.ended).stderr)) {
      expect(line).toMatch(/^<6>\{/);
      expect(JSON.parse(line.slice(3))).toMatchObject({ level: 30 });
    }
  });

  it('has a priority in the journal for what goes wrong before there is a log', async () => {
    const { code, stderr } = await startInJournal(['broker', '--port', 'x']).ended;
    expect(code).toBe(64);
    expect(stderr).toMatch(/^<3>error: --port.*\n<3>hint: .*\n$/);
    const usage = await startInJournal(['broker', '--porte', '1']).ended;
    for (const line of linesOf(usage.stderr)) expect(line).toMatch(/^<3>/);
  });

  it('is for people where they want it, in the journal too, and without colours', async () => {
    const broker = startCli([...brokerArgs(), '--pretty']);
    await broker.says(/^\d\d:\d\d:\d\d\.\d{3} info {4}broker listens .*port=\d+/m);
    broker.kill('SIGTERM');
    expect((await broker.ended).stderr).not.toContain('\u001b');
    const marked = startInJournal([...brokerArgs(), '--pretty']);
    await marked.says(/^<6>\d\d:\d\d:\d\d\.\d{3} info {4}broker listens .*port=\d+/m);
  });

  it('is for people at a terminal, with one telling of what ended it; JSON where that is wanted', async () => {
    const broker = startAtTerminal(brokerArgs());
    await broker.says(/.\[32minfo.\[0m {4}broker listens/);
    const [, port = ''] = await broker.says(/port=.\[0m(\d+)/);
    const busy = [...brokerArgs(), '--port', port];
    const { code, stdout } = await startAtTerminal(busy).ended;
    expect(code).toBe(78);
    expect(linesOf(stdout)).toEqual([
      expect.stringMatching(/^error: .*in use/),
      expect.stringMatching(/^hint: .*--port/),
    ]);
    const json = startAtTerminal([...brokerArgs(), '--no-pretty']);
    await json.says(/^\{"level":30,.*broker listens/m);
  });
});

const AGENT = ['agent', '--agent-id', 'edge-1', '--broker-url', 'mqtt://127.0.0.1:1'];

describe('a signal', () => {
  it.each([
    ['the broker', brokerArgs, LISTENS],
    ['an agent', () => [...AGENT, '--state-dir', makeFolder()], /broker unreachable/],
    ['up', () => ['up', ...quiet, '--store', makeFolder(), '--state-dir', makeFolder()], /serves/],
  ])('changes the level of the log of %s, and none opens the inspector', async (_, args, begun) => {
    const service = startCli(args());
    await service.says(begun);
    service.kill('SIGUSR1');
    service.kill('SIGUSR2');
    await service.says(/"logLevel":"debug","msg":"log level changed by a signal"/);
    service.kill('SIGUSR2');
    await service.says(/"logLevel":"info","msg":"log level changed by a signal"/);
    service.kill('SIGTERM');
    const { code, stderr } = await service.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('Debugger');
  });

  it('for the level ends nobody who still loads', async () => {
    const args = [...AGENT, '--state-dir', makeFolder()];
    // The first word of the process, well before it has a log.
    const agent = startCli(args, { env: { ECHOLOT_NOTHING: '1' } });
    await agent.says(/unknown variable ECHOLOT_NOTHING/);
    agent.kill('SIGUSR2');
    await agent.says(/broker unreachable/);
    agent.kill('SIGTERM');
    expect((await agent.ended).code).toBe(0);
  });
});
