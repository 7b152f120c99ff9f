/**
 * Whole programs for tests of what only a process of its own can show: that it ends, does not crash, and what happens
 * to uncaught exceptions. `runScenario` starts one; each prints what the test compares.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { mapTypes } from '../../../src/abi/generated/enums.ts'
import { F_GETFD, O_CLOEXEC, O_NONBLOCK, RLIMIT_NOFILE } from '../../../src/abi/linux.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { bpf } from '../../../src/syscalls/bpf.ts'
import { mapLookupElem } from '../../../src/syscalls/elem.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../src/syscalls/fd.ts'
import { allocate } from '../../../src/syscalls/memory.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { eventually } from '../poll.ts'

/** How a scenario ended. */
export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  /** Lines of its standard output. */
  lines: string[]
  stderr: string
}

const self = fileURLToPath(import.meta.url)

/** Runs a scenario in a process of its own, which is killed when it does not end. */
export function runScenario(
  name: string,
  backend: string,
  { execArgv = [], env = {} }: { execArgv?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...execArgv, self, name], {
      env: { ...process.env, EBPF_TS_BACKEND: backend, NODE_CHANNEL_FD: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code, signal, lines: stdout.split('\n').filter(line => line !== ''), stderr }),
    )
  })
}

/** Open descriptors of this process, as number and target. */
function openFds(): string[] {
  const fds: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      fds.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`)
    } catch {
      // The descriptor of the directory itself.
    }
  }
  return fds
}

/** An eventfd that is readable from `signal` until `drain`. */
function eventFd(): { fd: number; signal(): void; drain(): void } {
  const { syscall } = syscallEntry()
  const fd = syscall(nr.eventfd2, 0, O_CLOEXEC | O_NONBLOCK)
  const one = allocate(8)
  one.bytes[0] = 1
  const out = allocate(8)
  return {
    fd,
    signal: () => void syscall(nr.write, fd, one.address, 8),
    drain: () => void syscall(nr.read, fd, out.address, 8),
  }
}

/** Starts this file as a worker thread; resolves with its first message, and later with its exit code. */
async function startWorker(
  name: string,
): Promise<{ worker: Worker; ready: unknown; ended: Promise<number> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: name })
  const ended = new Promise<number>(resolve => worker.once('exit', resolve))
  const ready = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return { worker, ready, ended }
}

function post(message: unknown): void {
  parentPort?.postMessage(message)
}

/** Starts and terminates workers; prints whether descriptors are left, and what the last worker said. */
async function terminateWorkers(name: string): Promise<void> {
  syscallEntry()
  const first = await startWorker(name)
  await first.worker.terminate()
  const before = openFds()
  for (let i = 0; i < 3; i++) {
    const { worker } = await startWorker(name)
    await worker.terminate()
  }
  const left = openFds().filter(fd => !before.includes(fd))
  console.log(left.length === 0 ? 'nothing left' : `left: ${left.join(', ')}`)
}

const scenarios: Record<string, () => void | Promise<void>> = {
  'exit with an open watcher': () => {
    syscallEntry().watch(eventFd().fd, () => {})
    setTimeout(() => process.exit(7), 20)
  },
  'exit in a callback': () => {
    const event = eventFd()
    syscallEntry().watch(event.fd, () => process.exit(7))
    event.signal()
  },
  'callback throws without a listener': () => {
    const event = eventFd()
    syscallEntry().watch(event.fd, () => {
      throw new Error('thrown in a callback')
    })
    event.signal()
  },
  'unreferenced watcher': () => {
    syscallEntry()
      .watch(eventFd().fd, () => {})
      .unref()
    process.on('exit', () => console.log('end'))
  },
  'unreferenced watcher is called': () => {
    const event = eventFd()
    const watcher = syscallEntry().watch(event.fd, () => {
      console.log('called')
      clearInterval(keepAlive)
      event.drain()
    })
    watcher.unref()
    const keepAlive = setInterval(() => {}, 1000)
    setTimeout(() => event.signal(), 20)
  },
  'referenced watcher': () => {
    const event = eventFd()
    const watcher = syscallEntry().watch(event.fd, () => {
      console.log('called')
      watcher.close()
    })
    // The timer does not keep the process alive, so only the watcher can.
    setTimeout(() => event.signal(), 50).unref()
  },
  'referenced again': () => {
    const event = eventFd()
    const watcher = syscallEntry().watch(event.fd, () => {
      console.log('called')
      watcher.close()
    })
    watcher.unref()
    watcher.ref()
    setTimeout(() => event.signal(), 50).unref()
  },
  'stopped watcher': () => {
    syscallEntry()
      .watch(eventFd().fd, () => {})
      .stop()
    process.on('exit', () => console.log('end'))
  },
  'callback throws': () => {
    const event = eventFd()
    let calls = 0
    process.on('uncaughtException', error => console.log(error.message))
    const watcher = syscallEntry().watch(event.fd, () => {
      event.drain()
      calls++
      if (calls === 3) watcher.close()
      else setTimeout(() => event.signal(), 5)
      throw new Error(`thrown ${calls}`)
    })
    event.signal()
  },
  'callback settles promises': () => {
    const event = eventFd()
    const watcher = syscallEntry().watch(event.fd, async () => {
      event.drain()
      await null
      console.log('promise')
      process.nextTick(() => {
        console.log('tick')
        watcher.close()
      })
    })
    event.signal()
  },
  'watcher is collected': async () => {
    const event = eventFd()
    let called = 0
    const watch = (): void => {
      syscallEntry().watch(event.fd, () => {
        event.drain()
        called++
      })
    }
    watch()
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.()
      await sleep(5)
    }
    event.signal()
    await eventually(() => called > 0)
    console.log(`gc ${typeof globalThis.gc}, called ${called}`)
    process.exit()
  },
  'descriptors start above 2': () => {
    const { syscall } = syscallEntry()
    syscall(nr.close, 0)
    const made = syscall(nr.eventfd2, 0, 0)
    using owned = OwnedFd.adopt(made, 'event')
    console.log(`made ${made}, owned ${owned.fd > 2}, old one open ${syscall(nr.fcntl, 0, 1) >= 0}`)
  },
  'owner is collected': async () => {
    const lose = (): number => OwnedFd.adopt(eventFd().fd, 'lost event').fd
    const fd = lose()
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.()
      await sleep(5)
    }
    console.log(`still open ${syscallEntry().syscall(nr.fcntl, fd, 1) >= 0}`)
  },
  'look up many times': () => {
    const fd = bpf('map_create', { map_type: mapTypes.array, key_size: 4, value_size: 8, max_entries: 1 })
    const [key, value] = [allocate(4), allocate(8)]
    const lookUp = (times: number): void => {
      for (let i = 0; i < times; i++) mapLookupElem(fd, key.address, value.address)
    }
    const times = 100_000
    // Interpreted code has objects for numbers, and when the compiler is ready depends on the machine.
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 10; round++) {
      globalThis.gc?.()
      const before = process.memoryUsage().heapUsed
      lookUp(times)
      least = Math.min(least, (process.memoryUsage().heapUsed - before) / times)
    }
    console.log(least)
  },
  'adopt in a worker without descriptors': async () => {
    const { worker, ready } = await startWorker('worker without descriptors')
    console.log(ready)
    await worker.terminate()
  },
  'worker without descriptors': () => {
    const { syscall } = syscallEntry()
    // The lowest free number: a limit right above it leaves no other.
    const made = syscall(nr.eventfd2, 0, 0)
    const limits = allocate(16)
    syscall(nr.prlimit64, 0, RLIMIT_NOFILE, 0, limits.address)
    limits.view.setBigUint64(0, BigInt(made + 1), true)
    syscall(nr.prlimit64, 0, RLIMIT_NOFILE, limits.address, 0)
    try {
      OwnedFd.adopt(made, 'event')
    } catch (error) {
      post(`${(error as Error).message}; open ${syscall(nr.fcntl, made, F_GETFD) >= 0}`)
    }
  },
  'adopt in a worker without standard input': async () => {
    const { worker, ready } = await startWorker('worker without standard input')
    console.log(ready)
    await worker.terminate()
  },
  'worker without standard input': () => {
    const { syscall } = syscallEntry()
    syscall(nr.close, 0)
    using owned = OwnedFd.adopt(syscall(nr.eventfd2, 0, 0), 'event')
    post(`above 2 ${owned.fd > 2}, 0 open ${syscall(nr.fcntl, 0, F_GETFD) >= 0}`)
  },
  'probe in a worker': async () => {
    const { worker, ready } = await startWorker('worker probes')
    console.log(ready)
    await worker.terminate()
  },
  'worker probes': () => post(features.globalData.probe()),
  'terminate a watching worker': () => terminateWorkers('worker watches'),
  'terminate a worker in an asynchronous call': () => terminateWorkers('worker calls'),
  'terminate a worker that owns a map': () => terminateWorkers('worker owns a map'),
  'worker is woken': async () => {
    const { worker, ready } = await startWorker('worker is woken by itself')
    console.log(ready)
    await worker.terminate()
  },
  'worker ends by itself': async () => {
    const { ready, ended } = await startWorker('worker with an unreferenced watcher')
    console.log(ready)
    console.log(`exit ${await ended}`)
  },
  'worker exits while watching': async () => {
    const { ended } = await startWorker('worker exits')
    console.log(`exit ${await ended}`)
  },
  'worker exits in a callback': async () => {
    const { ended } = await startWorker('worker exits when it is called')
    console.log(`exit ${await ended}`)
  },
  'busy workers are terminated': async () => {
    for (let i = 0; i < 10; i++) {
      const { worker } = await startWorker('busy worker')
      await worker.terminate()
    }
    console.log('alive')
  },
  'worker callback throws': async () => {
    const { worker, ready } = await startWorker('callback throws in a worker')
    console.log(ready)
    await worker.terminate()
  },
  'process exits while a worker watches': async () => {
    await startWorker('worker watches')
    process.exit(7)
  },

  // What runs in the worker threads.
  'worker watches': () => {
    for (let i = 0; i < 4; i++) syscallEntry().watch(OwnedFd.adopt(eventFd().fd, 'event').fd, () => {})
    setTimeout(() => post('watching'), 20)
  },
  'worker calls': () => {
    const { syscallAsync } = syscallEntry()
    const silent = OwnedFd.adopt(syscallEntry().syscall(nr.epoll_create1, O_CLOEXEC), 'epoll')
    const event = allocate(16)
    for (let i = 0; i < 8; i++) void syscallAsync(nr.epoll_pwait, silent.fd, event.address, 1, 150)
    setTimeout(() => post('calling'), 20)
  },
  'worker owns a map': () => {
    const fd = bpf('map_create', { map_type: mapTypes.array, key_size: 4, value_size: 8, max_entries: 1 })
    OwnedFd.adopt(fd, 'map')
    post('owning')
  },
  'worker is woken by itself': () => {
    const event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => {
      event.drain()
      calls++
      if (calls < 5) setTimeout(() => event.signal(), 2)
      else {
        watcher.close()
        post(`called ${calls}`)
      }
    })
    event.signal()
  },
  'worker with an unreferenced watcher': () => {
    const event = eventFd()
    const watcher = syscallEntry().watch(event.fd, () => {
      event.drain()
      clearInterval(keepAlive)
      post('called')
    })
    watcher.unref()
    const keepAlive = setInterval(() => {}, 1000)
    event.signal()
  },
  'worker exits': () => {
    syscallEntry().watch(eventFd().fd, () => {})
    post('watching')
    setTimeout(() => process.exit(3), 20)
  },
  'worker exits when it is called': () => {
    const event = eventFd()
    syscallEntry().watch(event.fd, () => {
      post('called')
      process.exit(3)
    })
    event.signal()
  },
  'busy worker': () => {
    for (let i = 0; i < 8; i++) {
      const event = eventFd()
      // Never drained: it fires all the time.
      syscallEntry().watch(event.fd, () => void syscallEntry().syscallAsync(nr.getpid))
      event.signal()
    }
    setTimeout(() => post('busy'), 20)
  },
  'callback throws in a worker': () => {
    const event = eventFd()
    const errors: string[] = []
    process.on('uncaughtException', error => {
      errors.push(error.message)
      if (errors.length === 2) post(errors.join(', '))
      else event.signal()
    })
    let calls = 0
    syscallEntry().watch(event.fd, () => {
      event.drain()
      throw new Error(`thrown ${++calls}`)
    })
    event.signal()
  },
}

const wanted =
  typeof workerData === 'string' ? workerData : process.argv[1] === self ? process.argv[2] : undefined
if (wanted !== undefined) await scenarios[wanted]?.()
