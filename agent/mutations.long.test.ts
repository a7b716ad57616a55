// A thousand changed models, each tried as an agent tries a candidate.
import { describeMutations } from './mutations.suite.ts';

describeMutations(1000);
