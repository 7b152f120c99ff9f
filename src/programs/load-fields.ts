/**
 * The fields of `BPF_PROG_LOAD`.
 *
 * Source: libbpf `bpf_object_load_prog`; include/uapi/linux/bpf.h `union bpf_attr`.
 *
 * @module
 */

import { funcInfo, lineInfo } from '../abi/generated/layouts.ts'
import { enumNumber } from '../abi/names.ts'
import { encodeInstructions } from '../asm/encode.ts'
import { INSTRUCTION_SIZE, type Instruction } from '../asm/instruction.ts'
import { kernelVersion } from '../kernel/version.ts'
import { objectName } from '../objects/object-name.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { type AttachTarget, attachTypeOf, programTypeOf } from './attach-target.ts'
import { extInfo } from './ext-info.ts'
import type { LoadOptions, ProgramSignature } from './load-options.ts'
import type { ProgramSpec } from './spec.ts'

/**
 * What `BPF_PROG_LOAD` takes, without a log.
 *
 * @param instructions as the pipeline leaves them
 * @param target what the program is attached to, where that must be known
 */
export function loadFields(
  spec: ProgramSpec,
  instructions: readonly Instruction[],
  { btf, fdArray, boundMaps = [], signature, structOps }: LoadOptions,
  target: AttachTarget | undefined,
): AttrFields<'prog_load'> {
  const insns = encodeInstructions(instructions)
  const fields: AttrFields<'prog_load'> = {
    prog_type: programTypeOf(spec),
    insn_cnt: insns.length / INSTRUCTION_SIZE,
    insns,
    license: spec.license ?? '',
    kern_version: spec.kernelVersion ?? kernelVersion().code,
    prog_flags: spec.flags ?? 0,
    prog_name: objectName(spec.name ?? ''),
    prog_ifindex: spec.ifindex ?? 0,
    expected_attach_type: attachTypeOf(spec),
  }
  if (btf !== undefined) {
    const { functions, lines } = extInfo(instructions, btf, spec.exceptionCallback)
    fields.prog_btf_fd = btf.fd
    if (functions.length > 0) {
      fields.func_info_rec_size = funcInfo.$size
      fields.func_info = functions
      fields.func_info_cnt = functions.length / funcInfo.$size
    }
    if (lines.length > 0) {
      fields.line_info_rec_size = lineInfo.$size
      fields.line_info = lines
      fields.line_info_cnt = lines.length / lineInfo.$size
    }
  }
  if (boundMaps.length > 0) {
    const descriptors = withMaps(fdArray, boundMaps)
    fields.fd_array = descriptors
    fields.fd_array_cnt = descriptors.length
  } else if (fdArray !== undefined) fields.fd_array = fdArray
  if (signature !== undefined) {
    fields.signature = signature.pkcs7
    fields.signature_size = signature.pkcs7.length
    fields.keyring_id = keyringOf(signature)
  }
  if (structOps !== undefined) {
    fields.attach_btf_id = structOps.typeId
    fields.expected_attach_type = structOps.index
    if (structOps.moduleFd !== undefined) fields.attach_btf_obj_fd = structOps.moduleFd
  }
  if (target !== undefined) {
    fields.attach_btf_id = target.btfId
    if (target.programFd !== undefined) fields.attach_prog_fd = target.programFd
    else if (target.moduleFd !== undefined) fields.attach_btf_obj_fd = target.moduleFd
  }
  return fields
}

/** No call of a kernel function looks at the first entry, but where entries are counted it must be a map or BTF. */
function withMaps(
  [, ...modules]: Iterable<number> = [],
  [first, ...others]: readonly { readonly fd: number }[],
): Int32Array {
  return Int32Array.of(first!.fd, ...modules, ...others.map(({ fd }) => fd))
}

/** Source: include/linux/verification.h, the values that `bpf_lookup_user_key` and `verify_pkcs7_signature` take. */
const KEYRINGS = { builtin: 0, secondary: 1, platform: 2 } as const

function keyringOf({ keyring = 'builtin' }: ProgramSignature): number {
  // Keyrings of the process have negative numbers.
  return typeof keyring === 'number' ? keyring : enumNumber(KEYRINGS, keyring, 'keyring')
}
