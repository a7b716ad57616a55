// For tests: a process that puts a small disk on a folder, and is then killed or stops it.
import { startSmallDisk } from './disk.ts';

const [folder = ''] = process.argv.slice(2);
const outcome = await startSmallDisk({ folder, bytes: 2 ** 20 });
process.stdout.write(outcome.ok ? 'mounted\n' : `${outcome.reason}\n`);
setInterval(() => {}, 1000);
