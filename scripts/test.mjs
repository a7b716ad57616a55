#!/usr/bin/env node
// Everything that must hold: checks, build and tests. The last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { env, installTools } from './test-tools.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const isLong = process.argv.includes('--long');

const CHECKS = ['check:format', 'check:lint', 'check:types', 'check:dead'];
const PROJECTS = isLong ? ['long'] : ['unit', 'integration'];

/** What failed besides tests, for the summary. */
const troubles = [];

for (const trouble of installTools({ isLong })) troubles.push(trouble);
for (const script of isLong ? ['build'] : [...CHECKS, 'build']) {
  heading(script);
  if (run('npm', ['run', '--silent', script]) !== 0) troubles.push(`npm run ${script}`);
}
heading(`tests: ${PROJECTS.join(', ')}`);
const { passed, failed } = runTests(PROJECTS);

for (const trouble of troubles) console.log(`failed: ${trouble}`);
const allFailed = failed + troubles.length;
process.exitCode = allFailed > 0 ? 1 : 0;
console.log(`${passed} passed, ${allFailed} failed`);

function runTests(projects) {
  const folder = mkdtempSync(join(tmpdir(), 'echolot-test-'));
  const report = join(folder, 'report.json');
  try {
    const status = run(process.execPath, [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...projects.flatMap((project) => ['--project', project]),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]);
    return judge(status, readReport(report));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Counts tests, and adds to the troubles what a count of tests does not show. */
function judge(status, report) {
  if (report === null) {
    troubles.push(`vitest wrote no report (exit ${status})`);
    return { passed: 0, failed: 0 };
  }
  let [passed, failed] = [0, 0];
  for (const { assertionResults, message, name, status: fileStatus } of report.testResults) {
    const file = relative(root, name);
    const failures = assertionResults.filter((test) => test.status === 'failed').length;
    passed += assertionResults.filter((test) => test.status === 'passed').length;
    failed += failures;
    if (fileStatus === 'failed' && failures === 0) troubles.push(`${file}: ${firstLine(message)}`);
    for (const test of assertionResults) {
      const isRun = test.status === 'passed' || test.status === 'failed';
      if (!isRun) troubles.push(`${file}: not run (${test.status}): ${test.fullName}`);
    }
  }
  if (passed + failed === 0) troubles.push('no test was run');
  if (status !== 0 && failed + troubles.length === 0) {
    troubles.push(`vitest found errors outside the tests (exit ${status})`);
  }
  return { passed, failed };
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function firstLine(text) {
  return text?.split('\n')[0] || 'could not be run';
}

function run(command, args) {
  const { error, status } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) console.error(`error: ${error.message}`);
  return status ?? 1;
}

function heading(text) {
  console.log(`\n== ${text}`);
}
