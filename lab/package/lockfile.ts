/**
 * Whether package-lock.json is what every supported npm makes of package.json: `npm ci` accepts it, `npm install` leaves
 * it as it is, and it names no registry, so that it is the same on every machine.
 *
 *     npm run check:lockfile
 *
 * npm leaves out packages of other platforms when it writes a lockfile beside installed packages, and npm 11 adds fields
 * that npm 10 removes. Where this fails, write it anew with the oldest npm in a folder that has only package.json and
 * .npmrc: `npx npm@10 install --package-lock-only`.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What Node.js 20 to 26 comes with. */
const NPM_VERSIONS = ['10', '11'] as const
const LOCKFILE = 'package-lock.json'

/** Runs one npm in a directory; what it printed when it failed. */
function npm(version: string, directory: string, ...args: string[]): string | undefined {
  const command = ['--yes', `npm@${version}`, ...args, '--ignore-scripts', '--no-audit', '--no-fund']
  const { status, stdout, stderr } = spawnSync('npx', command, { cwd: directory, encoding: 'utf8' })
  return status === 0 ? undefined : `npm ${version} ${args.join(' ')}:\n${stdout}${stderr}`
}

function failuresOf(version: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-lockfile-'))
  try {
    for (const file of ['package.json', LOCKFILE, '.npmrc']) copyFileSync(file, join(directory, file))
    const failures = [
      npm(version, directory, 'ci', '--dry-run'),
      npm(version, directory, 'install', '--package-lock-only'),
    ].filter(each => each !== undefined)
    const changed = readFileSync(join(directory, LOCKFILE), 'utf8') !== readFileSync(LOCKFILE, 'utf8')
    return changed ? [...failures, `npm ${version} install changes ${LOCKFILE}`] : failures
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const failures = NPM_VERSIONS.flatMap(failuresOf)
const [resolved] = readFileSync(LOCKFILE, 'utf8').match(/"resolved": ".*"/) ?? []
if (resolved !== undefined) failures.push(`${LOCKFILE} names a registry: ${resolved}`)
for (const each of failures) console.error(each)
console.log(failures.length === 0 ? '1 passed, 0 failed, 0 skipped' : '0 passed, 1 failed, 0 skipped')
process.exitCode = failures.length === 0 ? 0 : 1
