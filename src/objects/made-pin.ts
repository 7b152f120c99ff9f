/**
 * What pinning makes in a file system, and taking it back when a later step fails.
 *
 * @module
 */

import { basename, dirname } from 'node:path'
import { EEXIST } from '../base/errno.ts'
import { BpfError, unlessRefused } from '../base/errors.ts'
import { openBpffs } from '../kernel/bpffs.ts'
import { Directory } from '../syscalls/directory.ts'
import { systemError } from '../syscalls/errno.ts'

/** An entry of a directory that was made. */
interface Entry {
  readonly path: string
  readonly kind: 'file' | 'directory'
  /** As `Directory.identify` has it; `undefined` when it was gone at once. */
  readonly identity: string | undefined
}

/**
 * A pin and the directories that were made for it. Disposing of it removes them, the latest first, unless another process
 * has replaced them or put something into the directories. It is done as far as it can be, and never throws for what
 * the kernel refuses: an error led there.
 */
export class MadePin implements Disposable {
  readonly #entries: Entry[] = []

  /** Takes note of an entry that was just made. */
  add(directory: Directory, path: string, kind: Entry['kind']): void {
    this.#entries.push({ path, kind, identity: directory.identify(basename(path)) })
  }

  [Symbol.dispose](): void {
    for (const { path, kind, identity } of this.#entries.splice(0).reverse()) {
      unlessRefused(() => {
        using parent = openBpffs(dirname(path), `Cannot remove ${path}`)
        const name = basename(path)
        if (identity !== undefined && parent.identify(name) === identity) parent.remove(name, kind)
      })
    }
  }
}

/**
 * Makes a directory on a bpffs, with those above that are missing, with mode 0700.
 *
 * @param directory an absolute path without `.` and `..`
 * @param action what fails with it: `'Cannot pin map counts at /sys/fs/bpf/a/counts'`
 * @param made takes note of the directories
 * @throws BpfError `ERR_NOT_BPFFS` when it is not on a bpffs, else the errno's name
 */
export function makeDirectories(directory: string, action: string, made: MadePin): void {
  const missing: string[] = []
  let existing = directory
  while (!exists(existing, action)) {
    missing.unshift(basename(existing))
    existing = dirname(existing)
  }
  let parent = openBpffs(existing, action)
  try {
    for (const name of missing) {
      existing = `${existing === '/' ? '' : existing}/${name}`
      const result = parent.make(name, 0o700)
      if (result >= 0) made.add(parent, existing, 'directory')
      else if (result !== -EEXIST) throw systemError(action, result, 'mkdirat')
      const next = parent.open(name, action)
      parent.close()
      parent = next
    }
  } finally {
    parent.close()
  }
}

function exists(directory: string, action: string): boolean {
  try {
    Directory.open(directory, action).close()
    return true
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') return false
    throw error
  }
}
