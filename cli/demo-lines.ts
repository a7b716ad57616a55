// The lines by which a person watches the demo and asks it from another terminal, ready to be copied.
import { allRepliesFilter, buildTopic } from '../schemas/topics.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

export interface DemoLinesOptions {
  readonly host: string;
  readonly port: number;
  readonly namespace: string;
  /** The model's name. */
  readonly model: string;
  readonly operator: Credentials;
  readonly guest: Credentials;
  /** What the guest asks about. */
  readonly values: readonly number[];
}

/** The text above the live view. The credentials live as long as the demo. */
export function demoLines(options: DemoLinesOptions): string {
  const { guest, host, model, namespace, operator, port, values } = options;
  const at = `-h ${quote(host)} -p ${port}`;
  const topic = buildTopic(namespace, { kind: 'reading', client: guest.name, model });
  const reading = JSON.stringify({ id: '1', values });
  return `From another terminal (apt-get install mosquitto-clients), watch the answers:

mosquitto_sub ${at} ${signIn(operator)} -v -t ${quote(allRepliesFilter(namespace))}

and ask with a reading of your own:

mosquitto_pub ${at} ${signIn(guest)} -q 1 -t ${quote(topic)} -m ${quote(reading)}
`;
}

/** The address by which this machine reaches a listener. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** A client's id, username and topic segment are one name. */
function signIn({ name, password }: Credentials): string {
  return `-i ${quote(name)} -u ${quote(name)} -P ${quote(password)}`;
}

/** One word for a POSIX shell. */
function quote(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
