// What the load asks: readings of one form for one model, prepared, so that only their serial changes.
import { encodeMessage } from '../schemas/encode.ts';
import { buildTopic } from '../schemas/topics.ts';
import { ID_TEMPLATE, PublishTemplate } from './frames.ts';

/** Numbers of a reading for the shipped model. */
const WIDTH = 60;
/** Different readings in turn, so that nobody answers from a memory of the last one. */
const VARIETY = 8;
const PROBLEM = Buffer.from('problem');

/** JSON or CBOR with one reading, or CBOR with a float32 typed array of so many rows. */
export type Form = 'json' | 'cbor' | { readonly rows: number };

export class Question {
  readonly model: string;
  readonly qos: 0 | 1;
  /** Readings in one message. */
  readonly rows: number;
  private readonly payloads: readonly Buffer[];
  private readonly templates = new Map<string, readonly PublishTemplate[]>();

  constructor(model: string, qos: 0 | 1, form: Form = 'json', width = WIDTH) {
    this.model = model;
    this.qos = qos;
    this.rows = typeof form === 'object' ? form.rows : 1;
    this.payloads = payloadsOf(form, this.rows * width);
  }

  templateOf(client: string, serial: number): PublishTemplate {
    let templates = this.templates.get(client);
    if (!templates) {
      const topic = buildTopic('echolot', { kind: 'reading', client, model: this.model });
      templates = this.payloads.map((payload) => new PublishTemplate(topic, payload, this.qos));
      this.templates.set(client, templates);
    }
    return templates[serial % templates.length] as PublishTemplate;
  }

  /** True for an answer that is no prediction. */
  isProblem(answer: Buffer): boolean {
    return answer.includes(PROBLEM);
  }
}

function payloadsOf(form: Form, count: number): Buffer[] {
  return Array.from({ length: VARIETY }, (_, seed) => {
    const numbers = Array.from({ length: count }, (_value, at) => {
      return ((at * 7919 + seed * 104_729) % 10_000) / 10_000;
    });
    const values = typeof form === 'object' ? Float32Array.from(numbers) : numbers;
    return encodeMessage({ id: ID_TEMPLATE, values }, form === 'json' ? 'json' : 'cbor');
  });
}
