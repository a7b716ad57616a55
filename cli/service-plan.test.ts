import { describe, expect, it } from 'vitest';
import { planAgent, planAgentRemoval, planBroker, planRemoval, type Step } from './service-plan.ts';

const COMMAND = ['/usr/bin/node', '/opt/echolot/dist/cli/echolot.js'] as const;
const AGENT = { name: 'edge-1', command: COMMAND, values: {}, credentials: {}, enrol: false };
const nothing = () => null;

const written = (steps: readonly Step[]) =>
  Object.fromEntries(steps.flatMap((step) => (step.kind === 'write' ? [[step.path, step]] : [])));
const commands = (steps: readonly Step[]) =>
  steps.flatMap((step) => (step.kind === 'run' ? [step.command.join(' ')] : []));

describe('the installation of an agent', () => {
  it('starts this installation, in the order that systemd needs', () => {
    const steps = planAgent(AGENT, nothing);
    const unit = written(steps)['/etc/systemd/system/echolot-agent@.service'];
    expect(unit?.text).toContain(`ExecStart=${COMMAND.join(' ')} agent --agent-id %i\n`);
    expect(commands(steps)).toEqual([
      'systemd-sysusers /etc/sysusers.d/echolot.conf',
      'systemd-tmpfiles --create /etc/tmpfiles.d/echolot.conf',
      'systemctl daemon-reload',
      'systemctl enable echolot.target echolot-agent@edge-1.service',
      'systemctl start --no-block echolot.target',
    ]);
  });

  it('writes what differs into a file of the agent, and secrets for root alone', () => {
    const steps = planAgent(
      {
        ...AGENT,
        values: { ECHOLOT_GROUP: 'north' },
        credentials: { passwordFile: Buffer.from('S3CRET'), modelKey: Buffer.from('key') },
      },
      (path) => (path === '/etc/echolot/agent-edge-1.env' ? '# mine\nECHOLOT_GROUP=south\n' : null),
    );
    const files = written(steps);
    expect(files['/etc/echolot/agent-edge-1.env']?.text).toBe('# mine\nECHOLOT_GROUP=north\n');
    const secrets = Object.values(files).filter(({ secret }) => secret);
    expect(secrets.map(({ path }) => path)).toEqual([
      '/etc/credstore/echolot-agent-edge-1.password',
      '/etc/credstore/echolot-agent-edge-1.model-key',
    ]);
    const open = Object.values(files).filter(({ secret }) => !secret);
    expect(open.map(({ text }) => String(text)).join('')).not.toContain('S3CRET');
  });

  it('makes an identity where it is told to, before it starts', () => {
    const kinds = planAgent({ ...AGENT, enrol: true }, nothing).map(({ kind }) => kind);
    expect(kinds.indexOf('enrol')).toBeGreaterThan(kinds.lastIndexOf('write'));
    expect(kinds.indexOf('enrol')).toBeLessThan(kinds.indexOf('start'));
    expect(planAgent(AGENT, nothing).map(({ kind }) => kind)).not.toContain('enrol');
  });

  it('leaves a file of settings as a person has changed it', () => {
    const mine = (path: string) => (path === '/etc/echolot/echolot.env' ? '# mine\n' : null);
    const steps = planBroker({ command: COMMAND, values: {} }, mine);
    expect(written(steps)['/etc/echolot/echolot.env']?.text).toBe('# mine\n');
  });
});

describe('an installation from a package', () => {
  it('writes what the agent has of its own, and starts it', () => {
    const values = { ECHOLOT_GROUP: 'north' };
    const credentials = { passwordFile: Buffer.from('S3CRET') };
    const steps = planAgent({ ...AGENT, command: null, values, credentials }, nothing);
    expect(Object.keys(written(steps))).toEqual([
      '/etc/echolot/agent-edge-1.env',
      '/etc/credstore/echolot-agent-edge-1.password',
    ]);
    expect(commands(steps)[1]).toBe('systemctl enable echolot.target echolot-agent@edge-1.service');
    expect(written(planBroker({ command: null, values: {} }, nothing))).toEqual({});
  });

  it("is taken back without what is the package's: units, their target, settings of all", () => {
    const steps = planRemoval(['edge-1'], { packaged: true, purge: true });
    const paths = steps.flatMap((step) => (step.kind === 'remove' ? [step.path] : []));
    expect(
      paths.filter((path) => /systemd|\.d\/|echolot\.env|^\/etc\/echolot$/.test(path)),
    ).toEqual([]);
    expect(paths).toContain('/etc/echolot/agent-edge-1.env');
    expect(commands(steps)[0]).toBe(
      'systemctl disable --now echolot-broker.service echolot-agent@edge-1.service',
    );
  });
});

describe('the removal', () => {
  const removed = (steps: readonly Step[]) =>
    steps.flatMap((step) => (step.kind === 'remove' ? [step.path] : []));

  it('of one agent takes its credentials and settings, and leaves the units', () => {
    const paths = removed(planAgentRemoval('edge-1'));
    expect(paths).toHaveLength(6);
    for (const path of paths) expect(path).toMatch(/^\/etc\/(credstore|echolot)\/.*agent-edge-1\./);
  });

  it('of everything takes all that an installation wrote but the settings', () => {
    const steps = planAgent({ ...AGENT, credentials: { passwordFile: Buffer.from('x') } }, nothing);
    const left = Object.keys(written(steps)).filter(
      (path) => !removed(planRemoval(['edge-1'], { packaged: false, purge: false })).includes(path),
    );
    expect(left).toEqual(['/etc/echolot/echolot.env']);
  });

  it('takes settings and data only where it is told to', () => {
    const data = ['/etc/echolot', '/var/lib/echolot-agent', '/var/lib/echolot-broker'];
    expect(removed(planRemoval([], { packaged: false, purge: true }))).toEqual(
      expect.arrayContaining(data),
    );
    for (const path of data)
      expect(removed(planRemoval([], { packaged: false, purge: false }))).not.toContain(path);
  });
});
