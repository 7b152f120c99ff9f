/**
 * Boots a guest under QEMU without KVM.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ConsoleOptions, type GuestResult, watchGuest } from './console.ts'
import { makeInitramfs, makeProjectImage, prepareRoot } from './guest.ts'
import { CACHE, type GuestKernel } from './kernels.ts'

/** How to boot, and how long to wait. */
export interface BootOptions extends ConsoleOptions {
  /**
   * Whether the guest's clock counts instructions, one nanosecond each, instead of following the host's: measurements
   * in the guest are then free of what else the host does.
   */
  countInstructions?: boolean
  /** Files and directories of the project that the command needs besides what tests need. */
  files?: readonly string[]
}

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
  // On a busy machine the emulated timer is too slow for the kernel's check whether it works.
  const cmdline = `console=ttyS0 no_timer_check ${CMDLINE}`
  return ['qemu-system-x86_64', [...machine, ...common, ...rest, '-append', cmdline]]
}

/** Makes what a guest boots from. */
function prepareGuest(
  kernel: GuestKernel,
  command: string | undefined,
  { countInstructions, files }: Pick<BootOptions, 'countInstructions' | 'files'> = {},
): [program: string, args: string[], directory: string] {
  const directory = join(CACHE, 'run', `${kernel.name}-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const root = prepareRoot(kernel.arch)
  const project = makeProjectImage(kernel, directory, command, files)
  const initramfs = makeInitramfs(kernel, directory)
  return [...qemuArguments(kernel, initramfs, root, project, countInstructions), directory]
}

/** Runs a shell script in a guest, in the directory of the project. */
export async function runInGuest(
  kernel: GuestKernel,
  command: string,
  options: BootOptions,
): Promise<GuestResult> {
  const [program, args, directory] = prepareGuest(kernel, command, options)
  try {
    return await watchGuest(program, args, options)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
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
