// Every rule of every probe removed, and widened at each of its levels: some minutes.
import { describeMutations, everyMutation } from './mutations.suite.ts';

describeMutations(everyMutation(), 120_000);
