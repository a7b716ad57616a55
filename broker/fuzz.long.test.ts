// Long fuzzing of the embedded broker's ports.
import { describeBrokerFuzzing } from './fuzz.suite.ts';

describeBrokerFuzzing(100_000, 2);
