// Short fuzzing of the embedded broker's ports; fuzz.long.test.ts goes on for longer.
import { describeBrokerFuzzing } from './fuzz.suite.ts';

describeBrokerFuzzing(3000, 1);
