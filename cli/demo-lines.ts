// The lines by which a person watches the demo and asks it from another terminal, ready to be copied.
import { allRepliesFilter, buildTopic } from '../schemas/topics.ts';
import { shellWord } from './shell-word.ts';

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
  const at = `-h ${shellWord(host)} -p ${port}`;
  const topic = buildTopic(namespace, { kind: 'reading', client: guest.name, model });
  const reading = JSON.stringify({ id: '1', values });
  return `From another terminal (apt-get install mosquitto-clients), watch the answers:

mosquitto_sub ${at} ${signIn(operator)} -v -t ${shellWord(allRepliesFilter(namespace))}

and ask with a reading of your own:

mosquitto_pub ${at} ${signIn(guest)} -q 1 -t ${shellWord(topic)} -m ${shellWord(reading)}

Ctrl-C ends the demo.
`;
}

/** A client's id, username and topic segment are one name. */
function signIn({ name, password }: Credentials): string {
  return `-i ${shellWord(name)} -u ${shellWord(name)} -P ${shellWord(password)}`;
}
