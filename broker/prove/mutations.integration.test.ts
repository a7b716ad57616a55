// A sample of the changes of rules: for each kind of rule one that goes and one that is widened.
import { describeMutations, everyMutation } from './mutations.suite.ts';

const all = everyMutation();
const kinds = [...new Set(all.map(({ acltype }) => acltype))];
const sample = kinds.flatMap((kind, index) => {
  const removed = all.filter(({ acltype, to }) => acltype === kind && to === null);
  const wider = all.filter(({ acltype, to }) => acltype === kind && to !== null);
  // Not the first of each: another probe and another level each time.
  const pick = (some: typeof all) => some.at((index * 7 + 3) % some.length) ?? [];
  return [pick(removed), pick(wider)].flat();
});

describeMutations(sample, 60_000);
