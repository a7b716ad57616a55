// What comes in on our own connection, and who it is for.
import type { Incoming } from '../bus/types.ts';
import { decodeStatus } from '../schemas/encode.ts';
import { SELF_CHECK_MODEL } from '../schemas/names.ts';
import { buildTopic, parseTopic } from '../schemas/topics.ts';
import type { AgentOptions } from './options.ts';
import type { Parts } from './parts.ts';

export class Inbound {
  private readonly options: Pick<AgentOptions, 'agentId' | 'namespace' | 'log'>;
  private readonly parts: Parts;
  private readonly onTwin: () => void;
  private readonly leaveModel: (model: string) => Promise<void>;
  /** Models whose share we are about to leave. */
  private readonly leaving = new Set<string>();
  /** Models of which the log has told. */
  private readonly told = new Set<string>();
  private accepting = true;

  /**
   * @param onTwin another process uses our id
   * @param leaveModel takes our session out of the share of a model that a former life served
   */
  constructor(
    options: Pick<AgentOptions, 'agentId' | 'namespace' | 'log'>,
    parts: Parts,
    onTwin: () => void,
    leaveModel: (model: string) => Promise<void>,
  ) {
    this.options = options;
    this.parts = parts;
    this.onTwin = onTwin;
    this.leaveModel = leaveModel;
  }

  /** Readings from now on stay unacknowledged, and so wait for our return or go to a peer. */
  close(): void {
    this.accepting = false;
  }

  take(message: Incoming): void {
    const { selfCheck } = this.parts;
    if (message.topic === selfCheck.readingTopic) void selfCheck.answer(message);
    else if (message.topic === selfCheck.replyTopic) selfCheck.receive(message);
    else this.takeTopic(message);
  }

  private takeTopic(message: Incoming): void {
    const { adopter, predictor, routes } = this.parts;
    const route = routes.find(message.topic);
    const topic = route ? null : parseTopic(this.options.namespace, message.topic);
    if (topic?.kind === 'status') {
      this.takeStatus(message, topic.agent);
      return;
    }
    if (topic?.kind === 'adopting') {
      message.settle();
      adopter.hear(message.topic, message.payload);
      return;
    }
    // At QoS 0 it would be lost.
    if (!this.accepting && message.qos === 1) return;
    if (route) predictor.accept(message, route);
    else if (topic?.kind === 'reading' && topic.model !== SELF_CHECK_MODEL) {
      const { client, model } = topic;
      const replyTopic = buildTopic(this.options.namespace, { kind: 'reply', client, model });
      predictor.acceptForeign(message, client, replyTopic);
      void this.leave(topic.model);
    } else predictor.acceptUnanswerable(message);
  }

  /** The session still has the share of a model that we served in a former life, and would take it for ever. */
  private async leave(model: string): Promise<void> {
    if (this.leaving.has(model)) return;
    this.leaving.add(model);
    if (!this.told.has(model)) {
      const message = 'readings for a model that is not served here any more, leaving its share';
      this.options.log.warn({ model }, message);
      this.told.add(model);
    }
    await this.leaveModel(model);
    this.leaving.delete(model);
  }

  /** @param speaker whom the broker lets speak on this topic: nobody else is heard in its name */
  private takeStatus(message: Incoming, speaker: string): void {
    const { adopter, announcer, epoch, evictions } = this.parts;
    const { agentId, log } = this.options;
    message.settle();
    const status = decodeStatus(message.payload);
    if (status?.agent !== speaker) return;
    adopter.see(status);
    if (status.agent !== agentId) return;
    if (status.epoch !== epoch && evictions.foreign(performance.now())) this.onTwin();
    announcer.see(status);
    if (!this.accepting) return;
    if (announcer.correct(status)) log.info({ seen: status.state }, 'own status corrected');
  }
}
