/**
 * Frames of profiles: of what an address is known to be. Pure.
 *
 * V8 names code as `JS:*name file:line:column`, with a mark of how it was compiled; builtin functions have one name in a perf map
 * and another in the symbols of the binary.
 *
 * Source: V8 src/logging/log.cc `PerfBasicLogger`, `ComputeMarker`.
 *
 * @module
 */

import type { Frame, FrameKind } from '../charts/stacks/stack.ts'
import { frameLabel, type StackFrame } from '../symbols/frame.ts'

const KERNEL = 1n << 63n
const JIT = '[jit]'
/** `JS:`, `Eval:`, `Function:` and others, a mark, and the rest. */
const SCRIPT = /^(?:JS|Eval|Script|Function|LazyCompile|InterpretedFunction):(o?([~^+*])'?)?(.*)$/s
const POSITION = /:(\d{1,9}):(\d{1,9})$/
/** Where a file begins behind a function's name: at what files begin with, else at the last space. */
const FILE = /(?:^| )(?=node:|file:|https?:|\/)/
const BUILTIN = /^(?:Builtins_|Builtin:|BytecodeHandler:)(.*)$/

/** A frame for charts. */
export function chartFrame(frame: StackFrame): Frame {
  const { name, module, address } = frame
  if (address >= KERNEL)
    return { name: name ?? '[kernel]', kind: 'kernel', ...(module === 'vmlinux' ? {} : fileOf(module)) }
  if (name === undefined) return { name: frameLabel(frame), kind: 'unknown', ...fileOf(module) }
  const builtin = BUILTIN.exec(name)?.[1]
  if (builtin !== undefined && builtin !== '') return { name: builtin, kind: 'builtin' }
  return module === JIT ? compiledFrame(name) : { name, kind: 'native', ...fileOf(module) }
}

function compiledFrame(name: string): Frame {
  const [script, , mark, rest = ''] = SCRIPT.exec(name) ?? []
  if (script === undefined) return { name, kind: 'jit' }
  const kind: FrameKind = mark === '~' ? 'interpreted' : 'jit'
  const position = POSITION.exec(rest)
  if (position === null) return { name: rest === '' ? ANONYMOUS : rest, kind }
  const before = rest.slice(0, position.index)
  const at = FILE.exec(before)?.index ?? before.lastIndexOf(' ')
  const called = at <= 0 ? '' : before.slice(0, at)
  const file = before.slice(Math.max(at, 0)).trimStart()
  return {
    name: called === '' ? ANONYMOUS : called,
    kind,
    ...(file === '' ? {} : { file, line: Number(position[1]), column: Number(position[2]) }),
  }
}

/** As the inspector of V8 has it. */
const ANONYMOUS = '(anonymous)'

function fileOf(module: string | undefined): { file?: string } {
  return module === undefined || module === JIT ? {} : { file: module }
}
