/**
 * A process that attaches a program and waits to be killed. Started with an argument: what it attaches.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { kprobeMulti } from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import type { Link } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'

const code = { license: 'GPL', instructions: [mov(r0, 0), exit()] } as const

const kinds: Readonly<Record<string, () => Link>> = {
  fentry() {
    const target = { expectedAttachType: 'trace_fentry', attachTarget: 'bpf_fentry_test1' } as const
    return fentry(Program.load({ type: 'tracing', ...target, ...code, instructions: [...code.instructions] }))
  },
  'kprobe-multi'() {
    const type = { type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' } as const
    const program = Program.load({ ...type, ...code, instructions: [...code.instructions] })
    return kprobeMulti(program, { pattern: 'bpf_fentry_test?' })
  },
}

/** A process that has attached a program. */
export interface Victim {
  /** Id of its link. */
  readonly linkId: number
  /** Kills it with SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
}

/** Starts a process that attaches a program; resolves once it has. */
export async function summon(kind: string): Promise<Victim> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    linkId: Number(line.toString()),
    async kill() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

const attach = process.argv[1] === fileURLToPath(import.meta.url) ? kinds[process.argv[2] ?? ''] : undefined
if (attach !== undefined) {
  console.log(attach().info().id)
  setInterval(() => {}, 1 << 30)
}
