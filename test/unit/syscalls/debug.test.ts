import { spawnSync } from 'node:child_process'
import test from 'ava'

const SOURCE = `
  import { debugLog } from './build/src/syscalls/debug.js'
  debugLog('ebpf-ts:test')?.('map %s, number %d', 'a\\u001b[2J', 7)`

/** What the log prints with some value of DEBUG. */
function printed(debug: string): string {
  const args = ['--input-type=module', '-e', SOURCE]
  return spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, DEBUG: debug } }).stderr
}

test('names in debug messages reach the terminal escaped', t => {
  t.regex(printed('ebpf-ts:*'), /ebpf-ts:test map a\\x1b\[2J, number 7/)
})

test('nothing is printed for other namespaces', t => {
  t.is(printed('other'), '')
})
