/**
 * A BPF file system for tests: a fresh directory of the machine's own where there is one, else a mount of its own.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BPF_FS_MAGIC } from '../../src/abi/linux.ts'
import { ownName } from './stale.ts'

/** A directory on a bpffs, which is removed with everything in it at the end of the scope. */
export interface TemporaryBpffs extends Disposable {
  readonly path: string
}

/** Makes a directory on a bpffs. */
export function temporaryBpffs(): TemporaryBpffs {
  if (statfsSync('/sys/fs/bpf').type === BPF_FS_MAGIC) {
    const path = `/sys/fs/bpf/${ownName()}`
    mkdirSync(path)
    return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
  }
  const path = mkdtempSync(join(tmpdir(), 'ebpf-ts-bpffs-'))
  run('mount', ['-t', 'bpf', 'bpf', path])
  return {
    path,
    [Symbol.dispose]() {
      run('umount', [path])
      rmdirSync(path)
    },
  }
}

function run(command: string, args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
