// Short fuzzing of a running agent; fuzz.long.test.ts goes on for longer.
import { describeFuzzing } from './fuzz.suite.ts';

describeFuzzing('mosquitto', 5000, 1);
describeFuzzing('embedded', 5000, 2);
