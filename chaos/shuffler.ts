// Which PUBLISHes of one direction come twice, and which come late. No IO, no clock.
import { atQosZero, DISCONNECT, type Frame, type Publish, readPublish } from './frames.ts';

/**
 * What keeps brokers and clients content, though TCP never does it:
 * - A copy is of QoS 0: it has no packet id that could be acknowledged twice or be in use by then.
 * - What is held back comes before any other packet could need it: nothing waits for a PUBLISH but its
 *   own acknowledgement. These then leave the receiver in another order than the sender sent
 *   (against MQTT-4.6.0-2 as the sender sees it); Mosquitto, aedes and MQTT.js find them by their ids.
 * - QoS 2 is left alone, its handshake has states. So is what is retained: a copy that comes late would
 *   stand in the broker as the last word. The topics under `agents/` carry last words too, also where a
 *   running subscription gets them without the flag; MQTT promises their order, and they keep it.
 * - An empty topic (an alias of MQTT 5) means something only at its place.
 */
function mayBeMoved({ qos, retain, topic }: Publish): boolean {
  return qos < 2 && !retain && topic !== '' && !topic.includes('/agents/');
}

interface Late {
  readonly bytes: Buffer;
  readonly isCopy: boolean;
  /** So many more PUBLISHes go first. */
  after: number;
}

const MOST_BEFORE_COPY = 8;
const MOST_BEFORE_HELD = 3;
/** Beyond this nothing more is copied or held back. */
const MAX_LATE_BYTES = 1024 * 1024;

export class Shuffler {
  private readonly random: () => number;
  private late: Late[] = [];
  private lateBytes = 0;
  private copies = 0;
  private moved = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  /** True: `flush` is due after a while without traffic. */
  get holds(): boolean {
    return this.late.length > 0;
  }

  /** What went out twice, and what went out after others that came later. */
  get counts(): { readonly duplicated: number; readonly reordered: number } {
    return { duplicated: this.copies, reordered: this.moved };
  }

  /** What goes out now, in order. */
  pass(frame: Frame, shares: { duplicateShare: number; reorderShare: number }): Buffer[] {
    // After its DISCONNECT a client sends nothing more (MQTT-3.14.4-2).
    if (frame.type === DISCONNECT) return [...this.flush(), frame.bytes];
    const publish = readPublish(frame);
    if (publish === null) return [frame.bytes];
    const { bytes } = frame;
    let copy: Buffer | null = null;
    if (mayBeMoved(publish) && this.lateBytes < MAX_LATE_BYTES) {
      if (this.random() < shares.duplicateShare) {
        copy = atQosZero(frame, publish);
      } else if (this.random() < shares.reorderShare && !this.isHoldingBack()) {
        this.add({ bytes: Buffer.from(bytes), isCopy: false }, MOST_BEFORE_HELD);
        return [];
      }
    }
    const out = [bytes, ...this.takeDue()];
    if (copy) this.add({ bytes: copy, isCopy: true }, MOST_BEFORE_COPY);
    return out;
  }

  /** All that is late. */
  flush(): Buffer[] {
    const { late } = this;
    this.late = [];
    this.lateBytes = 0;
    this.copies += late.filter(({ isCopy }) => isCopy).length;
    return late.map(({ bytes }) => bytes);
  }

  private isHoldingBack(): boolean {
    return this.late.some(({ isCopy }) => !isCopy);
  }

  private add(what: { bytes: Buffer; isCopy: boolean }, most: number): void {
    this.late.push({ ...what, after: 1 + Math.floor(this.random() * most) });
    this.lateBytes += what.bytes.length;
  }

  private takeDue(): Buffer[] {
    for (const each of this.late) each.after -= 1;
    const due = this.late.filter(({ after }) => after <= 0);
    if (due.length === 0) return [];
    this.late = this.late.filter(({ after }) => after > 0);
    for (const { bytes, isCopy } of due) {
      this.lateBytes -= bytes.length;
      if (isCopy) this.copies += 1;
      else this.moved += 1;
    }
    return due.map(({ bytes }) => bytes);
  }
}
