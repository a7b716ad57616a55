// The machine that services are installed on, or the folder that is to become one: what is there already.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from './errors.ts';
import { BROKER_STORE } from './service-plan.ts';

const WANTS = '/etc/systemd/system/echolot.target.wants';

export class Machine {
  private readonly root: string;

  /** @param root `null` for this machine */
  constructor(root: string | null) {
    this.root = root ?? '/';
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** `null` where there is no such file. */
  read(path: string): string | null {
    return this.has(path) ? readFileSync(join(this.root, path), 'utf8') : null;
  }

  /** The embedded broker is installed, or was, and has left its identities. */
  hasBroker(): boolean {
    return this.has(BROKER_STORE) || this.wanted().includes('echolot-broker.service');
  }

  /** The names of the agents that are installed. */
  agents(): string[] {
    return this.wanted().flatMap((unit) => /^echolot-agent@(.+)\.service$/.exec(unit)?.[1] ?? []);
  }

  /** The units that are started with the target; links, which lead nowhere from below another root. */
  private wanted(): string[] {
    return this.has(WANTS) ? readdirSync(join(this.root, WANTS)) : [];
  }
}

/** @throws {CliError} services cannot be installed on this machine, or not by this user */
export function requireSystemd(): void {
  const refuse = (what: string, remedy: string) => {
    throw new CliError(what, remedy, { code: 'SERVICE_REFUSED', exitCode: EXIT.failure });
  };
  if (process.getuid?.() !== 0) {
    refuse(
      'services are installed and removed by root',
      'Use sudo, or see what it would do: --dry-run.',
    );
  }
  if (!existsSync('/run/systemd/system')) {
    refuse(
      'this machine is not run by systemd',
      'Start "echolot broker" and "echolot agent" with what supervises services here, or prepare another root with --root.',
    );
  }
}
