/**
 * Opening all objects of a kind, by their ids.
 *
 * Source: kernel/bpf/syscall.c `bpf_obj_get_next_id`.
 *
 * @module
 */

import { errnoName } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { type NextIdCommand, nextId } from '../syscalls/info.ts'

/**
 * Opens object after object, in the order of their ids; each must be closed by the caller.
 *
 * @param command that walks the ids
 * @param what the objects are, as in `'Cannot list maps'`
 * @param open opens the object with an id
 * @throws BpfError when this process may not list them (`EPERM`), or the kernel cannot (`EINVAL`)
 */
export function* listObjects<T>(
  command: NextIdCommand,
  what: string,
  open: (id: number) => T,
): Generator<T, undefined> {
  let id = nextId(command, 0)
  for (; id > 0; id = nextId(command, id)) {
    let object: T
    try {
      object = open(id)
    } catch (error) {
      // It may be gone since its id was read.
      if (error instanceof BpfError && error.code === 'ENOENT') continue
      throw error
    }
    yield object
  }
  if (errnoName(-id) !== 'ENOENT')
    throw failure(`Cannot list ${what}`, id, `bpf(BPF_${command.toUpperCase()})`)
}
