#!/usr/bin/env node
/**
 * The command-line tool `ebpf-ts`, built on nothing but the public API.
 *
 * @module
 */

import { BpfError } from '../index.ts'
import { bench } from './bench.ts'
import { type Command, UsageError } from './command.ts'
import { inspect } from './inspect.ts'
import { kprobe } from './kprobe.ts'
import { run } from './run.ts'
import { verify } from './verify.ts'

const commands: Readonly<Record<string, Command>> = { run, inspect, verify, kprobe, bench }

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
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    process.stderr.write(`ebpf-ts: unknown command ${JSON.stringify(name)}\n\n${usage}`)
    return 2
  }
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
