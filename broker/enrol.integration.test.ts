import { describeEnrolment } from './enrol.suite.ts';

describeEnrolment(500);
