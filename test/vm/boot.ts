/**
 * Boots a guest under QEMU without KVM, and reads its serial console.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BEGIN, END, makeInitramfs, makeProjectImage, prepareRoot } from './guest.ts'
import { CACHE, type GuestKernel } from './kernels.ts'

/** What came of a command in a guest. */
export interface GuestResult {
  /** Exit code of the command; `undefined` when the guest did not get to its end. */
  exitCode: number | undefined
  /** Why the guest did not get to its end: it panicked, hung, or stopped. */
  failure: string | undefined
  /** What the command printed. */
  output: string[]
  /** Last lines of the console, for a guest that failed. */
  console: string[]
  /** Seconds from power on to power off. */
  seconds: number
}

/** How to boot. */
export interface BootOptions {
  /** Seconds after which a guest counts as hung. */
  timeout: number
  /** Called with each line that the command prints. */
  onLine?: (line: string) => void
  /**
   * Whether the guest's clock counts instructions, one nanosecond each, instead of following the host's: measurements
   * in the guest are then free of what else the host does.
   */
  countInstructions?: boolean
}

const CONSOLE_LINES = 40
const PANIC = /Kernel panic|Oops:|BUG: |Out of memory: Killed process|general protection fault/

/** Command line of the kernel: a console, no waiting after a panic, and BPF among the security modules. */
const CMDLINE = 'panic=-1 oops=panic quiet loglevel=4 lsm=landlock,lockdown,yama,integrity,bpf rdinit=/init'

function qemuArguments(
  kernel: GuestKernel,
  initrd: string,
  root: string,
  project: string,
  countInstructions = false,
): [string, string[]] {
  const drives = [root, project].flatMap(file => ['-drive', `file=${file},format=raw,if=virtio,snapshot=on`])
  const common = [
    '-smp',
    '2',
    '-m',
    '2G',
    '-nographic',
    '-no-reboot',
    '-net',
    'none',
    '-kernel',
    kernel.image,
  ]
  const rest = ['-initrd', initrd, ...drives, ...(countInstructions ? ['-icount', 'shift=0'] : [])]
  // Instructions of several CPUs are counted only when one thread emulates them all.
  const accelerator = ['-accel', `tcg,thread=${countInstructions ? 'single' : 'multi'}`]
  if (kernel.arch === 'arm64') {
    const machine = ['-M', 'virt', '-cpu', 'max,pauth-impdef=on', ...accelerator]
    return ['qemu-system-aarch64', [...machine, ...common, ...rest, '-append', `console=ttyAMA0 ${CMDLINE}`]]
  }
  const machine = ['-cpu', 'max', ...accelerator]
  return ['qemu-system-x86_64', [...machine, ...common, ...rest, '-append', `console=ttyS0 ${CMDLINE}`]]
}

/** Makes what a guest boots from. */
function prepareGuest(
  kernel: GuestKernel,
  command: string | undefined,
  countInstructions?: boolean,
): [program: string, args: string[], directory: string] {
  const directory = join(CACHE, 'run', `${kernel.name}-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const root = prepareRoot(kernel.arch)
  const project = makeProjectImage(kernel, directory, command)
  const initramfs = makeInitramfs(kernel, directory)
  return [...qemuArguments(kernel, initramfs, root, project, countInstructions), directory]
}

/** Runs a shell script in a guest, in the directory of the project. */
export function runInGuest(kernel: GuestKernel, command: string, options: BootOptions): Promise<GuestResult> {
  const [program, args, directory] = prepareGuest(kernel, command, options.countInstructions)
  const started = Date.now()
  const result: GuestResult = { exitCode: undefined, failure: undefined, output: [], console: [], seconds: 0 }
  return new Promise((resolve, reject) => {
    const qemu = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let running = false
    let rest = ''
    const stop = (failure: string): void => {
      result.failure ??= failure
      qemu.kill('SIGKILL')
    }
    const timer = setTimeout(() => stop(`hung for ${options.timeout} seconds`), options.timeout * 1000)
    const onLine = (line: string): void => {
      result.console.push(line)
      if (result.console.length > CONSOLE_LINES) result.console.shift()
      const end = END.exec(line)
      // The firmware leaves escape sequences on the first line.
      if (line.endsWith(BEGIN)) running = true
      else if (end !== null) {
        running = false
        result.exitCode = Number(end[1])
      } else if (PANIC.test(line)) {
        // The trace comes after this line; give the guest a moment to print it.
        setTimeout(() => stop(line), 3000)
      } else if (running) {
        result.output.push(line)
        options.onLine?.(line)
      }
    }
    qemu.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line.replaceAll('\r', ''))
    })
    qemu.stderr.setEncoding('utf8').on('data', (text: string) => result.console.push(text.trimEnd()))
    qemu.on('error', reject)
    qemu.on('close', () => {
      clearTimeout(timer)
      rmSync(directory, { recursive: true, force: true })
      result.seconds = (Date.now() - started) / 1000
      if (result.exitCode === undefined) result.failure ??= 'stopped before the command was done'
      resolve(result)
    })
  })
}

/** Gives a shell in a guest, on this terminal. Ends when the shell does. */
export function shellInGuest(kernel: GuestKernel): Promise<void> {
  const [program, args, directory] = prepareGuest(kernel, undefined)
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: 'inherit' })
      .on('error', reject)
      .on('close', () => {
        rmSync(directory, { recursive: true, force: true })
        resolve()
      })
  })
}
