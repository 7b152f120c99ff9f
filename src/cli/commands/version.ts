/**
 * `ebpf-ts version`: of the tool, and of what it runs on.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { NotSupportedError } from '../../index.ts'
import { syscallBackend } from '../../syscalls/index.ts'
import { type Command, defineCommand } from '../form/command.ts'

/** `ebpf-ts version`. */
export const command: Command = defineCommand({
  positionals: [],
  options: {},
  json: {
    form: 'document',
    help: 'print one JSON document: {"version", "node", "system", "release", "architecture", "backend"}',
  },
  description: [
    `Prints the version of this tool, and of what it runs on: Node.js, the system, and what its system calls go through,
    koffi or the shim. 'ebpf-ts --version' is the same.`,
  ],
  examples: [{ line: '', does: 'print what to write into a report of a defect' }],
  exit: { done: 'done', failed: 'when EBPF_TS_BACKEND names a backend that is not there' },
  run({ json, out }) {
    const facts = {
      version: ownVersion(),
      node: process.versions.node,
      system: process.platform,
      release: release(),
      architecture: process.arch,
      backend: backend(),
    }
    if (json) {
      out.document(facts)
      return 0
    }
    out.line(`ebpf-ts ${facts.version}`)
    out.line(`Node.js ${facts.node}`)
    out.line(`${facts.system} ${facts.release} ${facts.architecture}`)
    out.line(`system calls: ${facts.backend ?? 'not on this system'}`)
    return 0
  },
})

/** Of the package that this file belongs to. */
function ownVersion(): string {
  const path = new URL(import.meta.resolve('ebpf-ts/package.json'))
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** What system calls go through; `null` on systems without eBPF. */
function backend(): string | null {
  try {
    return syscallBackend()
  } catch (error) {
    if (error instanceof NotSupportedError) return null
    throw error
  }
}
