// Which mounts are found to be disks of a run.
import { expect, it } from 'vitest';
import { findDisks } from './disk.ts';

it('finds its own disks among all mounts, with blanks in their paths', () => {
  const mounts = [
    'tmpfs /dev/shm tmpfs rw 0 0',
    'echolot-chaos-17 /tmp/a\\040b tmpfs rw,size=1024k 0 0',
    'echolot-chaos-x /tmp/c tmpfs rw 0 0',
    'echolot-chaos-0 /tmp/d tmpfs rw 0 0',
    'other-echolot-chaos-18 /tmp/e tmpfs rw 0 0',
    '',
  ];
  expect(findDisks(mounts.join('\n'))).toEqual([{ folder: '/tmp/a b', pid: 17 }]);
});
