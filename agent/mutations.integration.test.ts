// A share of the changed models that mutations.long.test.ts tries in full.
import { describeMutations } from './mutations.suite.ts';

describeMutations(40);
