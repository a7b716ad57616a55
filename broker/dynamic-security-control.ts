// The commands of a running dynamic-security plugin, over its $CONTROL topic: sent, answered, read.
import { createBus } from '../bus/bus.ts';
import type { Bus, BusOptions } from '../bus/types.ts';
import { ADMINISTRATOR } from './administrator.ts';
import {
  checkClients,
  checkDefaults,
  checkResponses,
  checkRoles,
  type Response,
} from './dynamic-security-answers.ts';
import type { Change, Deployed } from './dynamic-security-diff.ts';
import { CONTROL_RESPONSE_TOPIC, CONTROL_TOPIC } from './render-dynamic-security.ts';

/** The plugin did not do what it was asked. Exit 69 where it says nothing at all, else 1. */
export class ControlError extends Error {
  readonly code = 'CONTROL_FAILED';
  readonly exitCode: number;
  readonly remedy: string;

  constructor(message: string, remedy: string, exitCode: 1 | 69) {
    super(message);
    this.name = 'ControlError';
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

export interface Control {
  /** What the plugin holds now. */
  list(): Promise<Deployed>;
  /** Tells the changes, in order. What fails is thrown; what else was told stands. */
  apply(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}

type Command = Change['command'];

/** Rows of one answer, and commands of one message. */
const PAGE = 200;

/**
 * Connects as the administrator.
 * @param patienceMs for the connection, and for each answer
 * @throws {BrokerRefusedError | ControlError} it is refused, or the broker is away
 */
export async function connectControl(
  options: Pick<BusOptions, 'url' | 'password' | 'tls' | 'protocol'>,
  patienceMs = 10_000,
): Promise<Control> {
  const waiting = new Map<string, (response: Response[] | Error) => void>();
  let count = 0;
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const ready = new Promise<void>((...settle) => {
    [resolve, reject] = settle;
  });
  const fail = (error: Error) => {
    reject(error);
    for (const settle of waiting.values()) settle(error);
  };
  const bus: Bus = createBus(
    {
      ...options,
      clientId: ADMINISTRATOR,
      username: ADMINISTRATOR,
      cleanSession: true,
      subscriptions: [{ filter: CONTROL_RESPONSE_TOPIC, qos: 1 }],
    },
    {
      onMessage: (message) => {
        message.settle();
        const read = readJson(message.payload);
        if (!checkResponses.Check(read)) return;
        const [first] = read.responses;
        waiting.get(first?.correlationData ?? '')?.(read.responses);
      },
      onReady: () => resolve(),
      onLost: (detail) => fail(away(detail)),
      onUnreachable: (detail) => fail(away(detail)),
      onRefused: fail,
    },
  );

  const ask = async (commands: readonly Command[]): Promise<Response[]> => {
    count += 1;
    const correlationData = String(count);
    const answered = new Promise<Response[] | Error>((settle) => {
      waiting.set(correlationData, settle);
    });
    const payload = JSON.stringify({
      commands: commands.map((command) => ({ ...command, correlationData })),
    });
    bus.publish(CONTROL_TOPIC, Buffer.from(payload), { qos: 1 }, (outcome) => {
      if (!outcome.ok) waiting.get(correlationData)?.(away(outcome.detail));
    });
    const answer = await within(answered, patienceMs, silent);
    waiting.delete(correlationData);
    if (answer instanceof Error) throw answer;
    const [failed] = answer.filter(({ error }) => error !== undefined);
    if (failed) {
      const index = answer.indexOf(failed);
      const { rolename, username } = commands[index] as { rolename?: string; username?: string };
      const what = [failed.command, username ?? rolename ?? ''].join(' ').trim();
      throw new ControlError(
        `the broker does not ${what}: ${failed.error}`,
        'What else was told stands; run it again once that is mended.',
        1,
      );
    }
    return answer;
  };

  const askPages = async <Page extends { totalCount: number }>(
    command: string,
    check: { Check(value: unknown): value is Page },
  ): Promise<Page[]> => {
    const pages: Page[] = [];
    for (let offset = 0; ; offset += PAGE) {
      const [answer] = await ask([{ command, verbose: true, count: PAGE, offset }]);
      const page: unknown = answer?.data;
      if (!check.Check(page)) throw unreadable(command);
      pages.push(page);
      if (offset + PAGE >= page.totalCount) return pages;
    }
  };

  bus.start();
  try {
    await within(ready, patienceMs, () => away('no answer'));
  } catch (error) {
    await bus.stop();
    throw error;
  }
  return {
    async list() {
      const clients = await askPages('listClients', checkClients);
      const roles = await askPages('listRoles', checkRoles);
      const [access] = await ask([{ command: 'getDefaultACLAccess' }]);
      const found: unknown = access?.data;
      if (!checkDefaults.Check(found)) throw unreadable('getDefaultACLAccess');
      return {
        clients: clients.flatMap((page) => page.clients),
        roles: roles.flatMap((page) => page.roles),
        defaultACLAccess: Object.fromEntries(
          found.acls.map(({ acltype, allow }) => [acltype, allow]),
        ),
      };
    },
    async apply(changes) {
      for (let start = 0; start < changes.length; start += PAGE) {
        await ask(changes.slice(start, start + PAGE).map(({ command }) => command));
      }
    },
    close: () => bus.stop(),
  };
}

async function within<Value>(
  work: Promise<Value>,
  patienceMs: number,
  late: () => Error,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), patienceMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function readJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return null;
  }
}

function away(detail: string): ControlError {
  return new ControlError(
    `the broker cannot be reached: ${detail}`,
    'Check --url, and that the broker runs.',
    69,
  );
}

function silent(): ControlError {
  return new ControlError(
    'the broker takes no commands: nothing answers on $CONTROL',
    'Is it a Mosquitto with the dynamic-security plugin, started on rendered files?',
    69,
  );
}

function unreadable(command: string): ControlError {
  return new ControlError(
    `the answer to ${command} is not that of the dynamic-security plugin`,
    'Is it a Mosquitto 2 with that plugin?',
    69,
  );
}
