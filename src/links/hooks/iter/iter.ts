/**
 * Iterators: programs that the kernel runs for each task, map, socket and so on, when their link is read.
 *
 * Source: kernel/bpf/bpf_iter.c; libbpf `bpf_program__attach_iter`.
 *
 * @module
 */

import { featureSince } from '../../../abi/feature-since.ts'
import { attachTypes } from '../../../abi/generated/enums.ts'
import { iterLinkInfo } from '../../../abi/generated/layouts.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { EBADF, EINVAL } from '../../../base/errno.ts'
import { isAtLeast } from '../../../kernel/version.ts'
import { checkFd } from '../../../objects/descriptor.ts'
import { createLink } from '../../create-link.ts'
import type { ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { type HookUse, requireAttachType, requireProgramType } from '../program-kind.ts'
import { requirePid } from '../user-probes/uprobe-arguments.ts'
import { IterLink } from './iter-link.ts'

/** What to walk, where the iterator can be narrowed. */
export interface IterOptions {
  /** Map of a `bpf_map_elem` or `bpf_sk_storage_map` iterator. Since Linux 5.9. */
  map?: { readonly fd: number }
  /** Cgroup of a `cgroup` iterator, by descriptor of its directory, and the order of the walk. Since Linux 6.1. */
  cgroup?: { fd: number; order: CgroupOrder }
  /** Task of a `task`, `task_file` or `task_vma` iterator: a thread, or all threads of a process. Since Linux 6.1. */
  task?: { tid: number } | { pid: number }
}

/** Order of a walk over control groups; `children` are those of the one, without it (Linux 7.0). */
export type CgroupOrder = 'self_only' | 'descendants_pre' | 'descendants_post' | 'ancestors_up' | 'children'

/** `enum bpf_cgroup_iter_order`. */
const CGROUP_ORDER: Readonly<Record<CgroupOrder, number>> = {
  self_only: 1,
  descendants_pre: 2,
  descendants_post: 3,
  ancestors_up: 4,
  children: 5,
}

/**
 * Attaches an iterator program. Since Linux 5.8.
 *
 * @throws BpfError when the kernel refuses, such as with `EINVAL` for a target that takes no options
 * @throws TypeError, RangeError when the options contradict each other, or a number is not a descriptor or a process
 */
export function iter(program: ProgramHandle, options: IterOptions = {}): IterLink {
  const what = `iterator program ${program.name}`
  const use: HookUse = { program, hook: 'iter', attachType: 'trace_iter' }
  requireProgramType(what, use)
  requireAttachType(program, what, 'trace_iter')
  // Each option is read once.
  const given = { ...options }
  const info = linkOptions(what, given)
  const fd = createLink({
    what,
    use,
    fields: {
      prog_fd: program.fd,
      attach_type: attachTypes.trace_iter,
      ...(info === undefined ? {} : { iter_info: info, iter_info_len: info.length }),
    },
    explain: result => (result === -EINVAL || result === -EBADF ? explainOptions(program, given) : undefined),
  })
  return new IterLink(fd)
}

/** What iterators need that is not given, and the other way round. Source: `bpf_iter_attach_map` and its like. */
function explainOptions({ spec }: ProgramHandle, options: IterOptions): string | undefined {
  if (options.cgroup?.order === 'children' && !isAtLeast(featureSince.cgroupChildren))
    return `the order children needs Linux ${featureSince.cgroupChildren}`
  const target = spec?.attachTarget
  if (target === undefined) return undefined
  const wanted = WANTED[target]
  const [given] = (['map', 'cgroup', 'task'] as const).filter(each => options[each] !== undefined)
  if (wanted === 'map' && given !== 'map') return `an iterator of ${target} needs the option map`
  return given === undefined || given === wanted
    ? undefined
    : `an iterator of ${target} takes ${wanted === undefined ? 'no options' : `the option ${wanted}`}, not ${given}`
}

/** The option that iterators of a target take; others take none. */
const WANTED: Readonly<Record<string, keyof IterOptions>> = {
  bpf_map_elem: 'map',
  bpf_sk_storage_map: 'map',
  sockmap: 'map',
  cgroup: 'cgroup',
  task: 'task',
  task_file: 'task',
  task_vma: 'task',
}

function linkOptions(what: string, { map, cgroup, task }: IterOptions): Uint8Array | undefined {
  const action = `Cannot attach ${what}`
  if ([map, cgroup, task].filter(each => each !== undefined).length > 1) {
    throw new TypeError(`${action}: give one of map, cgroup and task`)
  }
  const bytes = new Uint8Array(iterLinkInfo.$size)
  const view = new DataView(bytes.buffer)
  if (cgroup !== undefined) {
    const { order: name, fd } = cgroup
    const order = Object.hasOwn(CGROUP_ORDER, name) ? CGROUP_ORDER[name] : undefined
    if (order === undefined) throw new TypeError(`${action}: ${String(name)} is not an order`)
    checkFd(fd, `${action} to a control group`)
    view.setUint32(iterLinkInfo.cgroup.order, order, true)
    view.setUint32(iterLinkInfo.cgroup.cgroup_fd, fd, true)
  } else if (task !== undefined) {
    const { tid, pid } = task as { tid?: number; pid?: number }
    // Without either the kernel walks over all tasks.
    if ((tid === undefined) === (pid === undefined))
      throw new TypeError(`${action}: give one of tid and pid of the task`)
    requirePid(what, tid ?? pid)
    if (tid !== undefined) view.setUint32(iterLinkInfo.task.tid, tid, true)
    else view.setUint32(iterLinkInfo.task.pid, pid!, true)
  } else if (map !== undefined) {
    const { fd } = map
    checkFd(fd, `${action} to a map`)
    view.setUint32(iterLinkInfo.map.map_fd, fd, true)
  } else return undefined
  return bytes
}

/** The hook `iter`. */
export const iterHook: HookDefinition = {
  attachesTo: 'an iterator over tasks, maps, sockets and so on',
  call: 'iter(program)',
  since: attachTypeSince.trace_iter,
  linkType: 'iter',
  target: 'TARGET',
  bySection: bySection((program, target) => ({ link: iter(program), target: `iterator ${target}` })),
}
