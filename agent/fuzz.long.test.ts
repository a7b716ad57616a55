// Long fuzzing of a running agent: 100,000 payloads on each broker.
import { describeFuzzing } from './fuzz.suite.ts';

describeFuzzing('mosquitto', 100_000, 3);
describeFuzzing('embedded', 100_000, 4);
