// What the goodbye of an agent says of its session, so that its peers know whether it left something behind.

/** Nothing is left with the broker: there is nothing to adopt. */
export const SESSION_ENDED = 'stopped, session ended';

/** Readings wait for its return, or for a peer that adopts them. */
export const SESSION_KEPT = 'stopped, session kept';
