// The gate: who is let in under which client id, and what each connection may do. Logs every refusal.
import type { Admission } from './admission.ts';
import type { Identity } from './identity.ts';
import type { IdentityStore } from './identity-store.ts';
import { type Decision, decide, type Policy, type Verb } from './policy.ts';
import type { RefusalLog } from './refusal-log.ts';
import type { CertificateVerdict } from './tls-material.ts';

/** CONNACK return codes of MQTT 3.1.1, 3.2.2.3. */
export const CONNACK = {
  identifierRejected: 2,
  unavailable: 3,
  badCredentials: 4,
  notAuthorised: 5,
} as const;

type Refused = { readonly ok: false; readonly returnCode: 2 | 3 | 4 | 5; readonly reason: string };

export type Login =
  | { readonly ok: true; readonly access: Access; readonly clientId: string }
  | Refused;

export interface LoginRequest {
  readonly clientId: string;
  /** The id that the broker made up where the client sent none. */
  readonly madeUpId: string;
  readonly cleanSession: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly address: string | null;
  /** What the connection's client certificate says. */
  readonly certificate: CertificateVerdict;
}

const MAX_CLIENT_ID = 256;
/** Decisions remembered per connection: rights do not change while it lasts. */
const MAX_REMEMBERED = 2048;
const MAX_REMEMBERED_TOPIC = 256;

export class Gate {
  readonly policy: Policy;
  private readonly store: IdentityStore;
  private readonly refusals: RefusalLog;
  private readonly admission: Admission;

  constructor(policy: Policy, store: IdentityStore, refusals: RefusalLog, admission: Admission) {
    this.policy = policy;
    this.store = store;
    this.refusals = refusals;
    this.admission = admission;
  }

  async login(request: LoginRequest): Promise<Login> {
    const login = await this.judgeLogin(request);
    if (!login.ok) {
      const { address, clientId, username } = request;
      const { reason } = login;
      this.refusals.refused({ verb: 'connect', username, clientId, address, topic: null, reason });
    }
    return login;
  }

  /** True while the identity is in the store as it was at the login. */
  isCurrent(access: Access): boolean {
    const { identity, clientId } = access;
    return this.store.find(identity.name) === identity && this.bind(identity, clientId) === null;
  }

  /** The rights of a username without a connection, for last wills and sessions that outlive one. */
  accessOf(username: string, clientId: string): Access | null {
    const identity = this.store.find(username);
    return identity && new Access(this.policy, this.refusals, identity, clientId, null);
  }

  private async judgeLogin(request: LoginRequest): Promise<Login> {
    const { address, cleanSession } = request;
    const identity = await this.identify(request);
    if ('ok' in identity) return identity;
    if (request.clientId === '' && !cleanSession) {
      // MQTT-3.1.3-8
      return refuse(CONNACK.identifierRejected, 'a session without a client id');
    }
    const isBound = identity.role !== 'predictor';
    const clientId = request.clientId || (isBound ? identity.name : request.madeUpId);
    const why = this.bind(identity, clientId);
    if (why !== null) return refuse(CONNACK.identifierRejected, why);
    return {
      ok: true,
      clientId,
      access: new Access(this.policy, this.refusals, identity, clientId, address),
    };
  }

  /** By certificate where there is one, else by password. */
  private async identify(request: LoginRequest): Promise<Identity | Refused> {
    const { certificate, username } = request;
    if (certificate.kind === 'none') return this.identifyByPassword(request);
    if (certificate.kind === 'refused') return refuse(CONNACK.notAuthorised, certificate.reason);
    if (username !== null && username !== certificate.name) {
      return refuse(CONNACK.badCredentials, 'the username is not that of the certificate');
    }
    const identity = await this.store.lookUp(certificate.name);
    return identity ?? refuse(CONNACK.notAuthorised, 'the certificate is of nobody in the store');
  }

  private async identifyByPassword(request: LoginRequest): Promise<Identity | Refused> {
    const { address, password, username } = request;
    if (username === null || password === null) {
      return refuse(CONNACK.notAuthorised, 'no username or no password');
    }
    if (!this.admission.admitLogin(hostOf(address), username)) {
      return refuse(CONNACK.unavailable, 'too many failed logins');
    }
    let identity: Identity | null;
    try {
      identity = await this.store.verify(username, password);
    } catch {
      return refuse(CONNACK.unavailable, 'the identity store failed');
    }
    if (identity) return identity;
    this.admission.recordFailure(hostOf(address), username);
    return refuse(CONNACK.badCredentials, 'wrong username or password');
  }

  /** Why the identity may not use the client id; `null` where it may. */
  private bind(identity: Identity, clientId: string): string | null {
    if (identity.role !== 'predictor') {
      return clientId === identity.name ? null : 'the client id must be the username';
    }
    if (clientId.length > MAX_CLIENT_ID) return `the client id is longer than ${MAX_CLIENT_ID}`;
    const owner = this.store.find(clientId);
    if (!owner || owner.role === 'predictor') return null;
    return `the client id belongs to a ${owner.role}`;
  }
}

/** What one identity may do on one connection. */
export class Access {
  readonly identity: Identity;
  readonly clientId: string;
  readonly address: string | null;
  private readonly policy: Policy;
  private readonly refusals: RefusalLog;
  private readonly remembered = new Map<string, Decision>();

  constructor(
    policy: Policy,
    refusals: RefusalLog,
    identity: Identity,
    clientId: string,
    address: string | null,
  ) {
    this.policy = policy;
    this.refusals = refusals;
    this.identity = identity;
    this.clientId = clientId;
    this.address = address;
  }

  /** Decides, and logs where it is denied. */
  may(verb: Verb, topic: string): boolean {
    const decision = this.decide(verb, topic);
    if (!decision.allowed) this.refuse(verb, topic, decision.reason);
    return decision.allowed;
  }

  /** Decides without a word in the log. */
  allows(verb: Verb, topic: string): boolean {
    return this.decide(verb, topic).allowed;
  }

  private decide(verb: Verb, topic: string): Decision {
    const key = `${verb} ${topic}`;
    const known = this.remembered.get(key);
    if (known) return known;
    const decision = decide(this.policy, this.identity, verb, topic);
    if (topic.length > MAX_REMEMBERED_TOPIC) return decision;
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(key, decision);
    return decision;
  }

  private refuse(verb: Verb, topic: string, reason: string): void {
    const { address, clientId, identity } = this;
    this.refusals.refused({ verb, username: identity.name, clientId, address, topic, reason });
  }
}

function refuse(returnCode: Refused['returnCode'], reason: string): Refused {
  return { ok: false, returnCode, reason };
}

/** The address without the port. */
function hostOf(address: string | null): string {
  return address?.slice(0, address.lastIndexOf(':')) ?? '';
}
