import { describeEnrolment } from './enrol.suite.ts';

// The promise: 10,000 identities in under a minute.
describeEnrolment(10_000, 60_000);
