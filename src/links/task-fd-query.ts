/**
 * What is attached to a perf event of a process: the only way to ask where the kernel has no link for it.
 *
 * Source: kernel/bpf/syscall.c `bpf_task_fd_query`.
 *
 * @module
 */

import { type TaskFdType, taskFdTypes } from '../abi/generated/enums.ts'
import { attr } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { cString } from '../base/bytes.ts'
import { failure } from '../kernel/failure.ts'
import { attrResult32, attrResult64, bpf } from '../syscalls/bpf.ts'
import { allocate } from '../syscalls/memory.ts'

/** What a descriptor of a perf event is for. */
export interface TaskFdInfo {
  /** Id of the program that is attached. */
  programId: number
  /** What kind of event it is. */
  kind: TaskFdType | number
  /** Name of the tracepoint or function, or path of the file; `''` where an address was given. */
  name: string
  /** Bytes behind the start of the function, or offset in the file. */
  offset: bigint
  /** Address that was given instead of a name; 0 without one. */
  address: bigint
}

const NAME_SIZE = 4096

/**
 * Asks what a perf event of a process has attached. Since Linux 4.18.
 *
 * @param fd descriptor in that process
 * @param pid process; default: this one
 * @throws BpfError with code `ENOTSUPP` when the descriptor is not a perf event of a probe or tracepoint, or nothing is
 *   attached
 */
export function taskFdQuery(fd: number, pid: number = process.pid): TaskFdInfo {
  const name = allocate(NAME_SIZE)
  const result = bpf('task_fd_query', { pid, fd, buf_len: NAME_SIZE, buf: name.bytes })
  if (result < 0) {
    throw failure(`Cannot query descriptor ${fd} of process ${pid}`, result, 'bpf(BPF_TASK_FD_QUERY)')
  }
  const { prog_id, fd_type, probe_offset, probe_addr } = attr.task_fd_query
  return {
    programId: attrResult32(prog_id),
    kind: enumName(taskFdTypes, attrResult32(fd_type)),
    name: cString(name.bytes),
    offset: attrResult64(probe_offset),
    address: attrResult64(probe_addr),
  }
}
