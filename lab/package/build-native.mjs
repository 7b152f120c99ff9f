/**
 * Builds the optional shim for this machine: `native/shim.linux-<arch>-<libc>.node`.
 *
 * Needs Rust. The file has no dependencies and works with every Node from 20 on. `--target <triple>` is passed on,
 * for release builds of the other platforms.
 */

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const cli = join(dirname(createRequire(import.meta.url).resolve('@napi-rs/cli/package.json')), 'dist/cli.js')
const options = [
  '--platform',
  '--release',
  '--strip',
  ...['--manifest-path', 'native/Cargo.toml'],
  ...['--target-dir', 'native/target'],
  ...['--output-dir', 'native'],
  // The loader is src/syscalls/backends/shim.ts.
  '--no-js',
]

const { status, error } = spawnSync(process.execPath, [cli, 'build', ...options, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
if (error !== undefined) throw error
process.exitCode = status ?? 1
