#!/usr/bin/env node
/**
 * The command-line tool `ebpf-ts`, built on nothing but the public API.
 *
 * @module
 */

import { BpfError } from '../index.ts'
import { type Command, UsageError } from './command.ts'

/** A command by its name; its code is read when it is asked for, since a process starts faster without the others'. */
interface Entry {
  /** One line for the list of commands. */
  readonly summary: string
  load(): Promise<Command>
}

const commands: Readonly<Record<string, Entry>> = {
  run: {
    summary: 'load an object, attach its programs, print its ring buffers',
    load: async () => (await import('./run.ts')).run,
  },
  inspect: {
    summary: 'show what is in an object, without a kernel',
    load: async () => (await import('./inspect.ts')).inspect,
  },
  verify: {
    summary: 'load each program of objects alone, and print what the verifier says',
    load: async () => (await import('./verify.ts')).verify,
  },
  kprobe: {
    summary: 'run the program of an object at a kernel function',
    load: async () => (await import('./kprobe.ts')).kprobe,
  },
  bench: {
    summary: 'measure what probes cost on this kernel',
    load: async () => (await import('./bench.ts')).bench,
  },
}

const usage = `Usage: ebpf-ts COMMAND [ARGUMENTS]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

'ebpf-ts COMMAND --help' tells more.
`

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const [stream, code] =
      name === undefined ? ([process.stderr, 2] as const) : ([process.stdout, 0] as const)
    stream.write(usage)
    return code
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) {
    process.stderr.write(`ebpf-ts: unknown command ${JSON.stringify(name)}\n\n${usage}`)
    return 2
  }
  const command = await entry.load()
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(command.help)
    return 0
  }
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(
        `ebpf-ts ${name}: ${error.message}\n'ebpf-ts ${name} --help' tells how to use it\n`,
      )
      return 2
    }
    // What went wrong in the kernel or in a file is the user's to read; anything else is a bug of ours.
    const expected = error instanceof BpfError || (error instanceof Error && 'syscall' in error)
    process.stderr.write(`ebpf-ts ${name}: ${expected ? (error as Error).message : (error as Error).stack}\n`)
    return 1
  }
}

process.exitCode = await main(process.argv.slice(2))
