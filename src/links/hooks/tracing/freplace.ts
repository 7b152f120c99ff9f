/**
 * freplace: programs in the place of a function of another program.
 *
 * Source: libbpf `bpf_program__attach_freplace`; kernel/bpf/syscall.c `bpf_tracing_prog_attach`.
 *
 * @module
 */

import { programTypeSince } from '../../../abi/since.ts'
import { EINVAL, ENOENT } from '../../../base/errno.ts'
import { BpfError, unlessRefused, withReason } from '../../../base/errors.ts'
import { similarName } from '../../../btf/similar.ts'
import { failure } from '../../../kernel/failure.ts'
import { BtfObject } from '../../../objects/btf-object.ts'
import { readProgramInfo } from '../../../programs/info.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { Link, type ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { explainKind, type HookUse, requireProgramType } from '../program-kind.ts'
import { adoptTrampoline, trampolineFacts } from './trampoline.ts'

/** What an `ext` program replaces, if not what it was loaded for. */
export interface FreplaceOptions {
  /** Program whose function is replaced. */
  target: { readonly fd: number }
  /** Name of a global function of it, with the arguments of the one that the program was loaded for. */
  function: string
}

/**
 * Replaces a global function of another program by an `ext` program: the function that it was loaded for (since Linux
 * 5.6), or a like one of any program (since Linux 5.10).
 *
 * @throws BpfError with `EBUSY` when the function is replaced already, or traced; `ENOENT` when it has no such
 *   function; `EINVAL` when its arguments or its program's type differ
 */
export function freplace(program: ProgramHandle, options?: FreplaceOptions): Link {
  const use: HookUse = { program, hook: 'freplace' }
  if (options === undefined) {
    const what = `program ${program.name} to the function it replaces`
    requireProgramType(what, use)
    const result = bpf('raw_tracepoint_open', { prog_fd: program.fd })
    if (result === -EINVAL || result === -ENOENT) {
      const { type } = program.spec ?? readProgramInfo(program.fd)
      const reason = type === 'ext' ? explainTarget(program.fd) : explainKind(use)
      const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_RAW_TRACEPOINT_OPEN)')
      throw reason === undefined ? error : withReason(error, reason)
    }
    return adoptTrampoline(result, what, 'bpf(BPF_RAW_TRACEPOINT_OPEN)', use)
  }
  const { target, function: name } = options
  const what = `program ${program.name} to function ${name}`
  requireProgramType(what, use)
  using btf = BtfObject.ofProgram(target.fd)
  const target_btf_id = btf.types().find(name, 'func')
  if (target_btf_id === undefined) {
    const similar = similarName(btf.types(), name, 'func')
    const like = similar === undefined ? '' : `; did you mean ${similar}?`
    throw new BpfError(`Cannot attach ${what}: the target program has no such function${like}`, {
      code: 'ENOENT',
    })
  }
  const result = bpf('link_create', { target_fd: target.fd, target_btf_id, prog_fd: program.fd })
  return adoptTrampoline(result, what, 'bpf(BPF_LINK_CREATE)', use)
}

/**
 * Why the kernel does not attach a program to what it was loaded for: it forgets that with the first attachment, whose
 * link may be closed by now.
 */
function explainTarget(fd: number): string {
  const again = 'to attach it again, give target and function'
  const found = unlessRefused(() => linkOf(readProgramInfo(fd).id))
  return found === undefined
    ? `the kernel gives no reason, but it forgets what such a program was loaded for when it is attached; ${again}`
    : `link ${found} has attached it already; ${again}`
}

/** The id of the link that runs a program; `undefined` when no link does. */
function linkOf(programId: number): number | undefined {
  for (const each of Link.list()) {
    using link = each
    const info = link.info()
    if (info.programId === programId) return info.id
  }
  return undefined
}

/** The hook `freplace`. */
export const freplaceHook: HookDefinition = {
  ...trampolineFacts,
  attachesTo: 'a function of another program',
  call: 'freplace(program)',
  since: programTypeSince.ext,
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({ link: freplace(program), target: `function ${target}` })),
}
