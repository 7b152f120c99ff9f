import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { BpfError } from '../../../src/base/errors.ts'
import { frameLabel } from '../../../src/symbols/frame.ts'
import { Symbolizer } from '../../../src/symbols/symbolizer.ts'
import { kernelTest } from '../../support/kernel-test.ts'

interface Child extends Disposable {
  readonly pid: number
  readonly process: ChildProcess
  /** The next text that it writes. */
  read(): Promise<string>
  /** Ends it. */
  end(): Promise<void>
}

/** Node.js with a script that goes on until its input ends. */
function node(
  script: string,
  { program = process.execPath, options = [] as string[], through = [] as string[] } = {},
): Child {
  const command = [...through, program, ...options, '-e', `${script};process.stdin.resume()`]
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  return {
    pid: child.pid!,
    process: child,
    read: async () => String((await once(child.stdout, 'data'))[0]),
    async end() {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

/** Addresses of the code that a process has mapped of a file. */
function codeOf(pid: number, path: RegExp): { start: bigint; end: bigint }[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')
  return lines
    .filter(line => / r-xp /.test(line) && path.test(line))
    .map(line => {
      const [start, end] = line.split(/[- ]/)
      return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }
    })
}

/** Addresses all over the code of a process. */
function spread(pid: number, path: RegExp, count: number): bigint[] {
  const ranges = codeOf(pid, path)
  const size = ranges.reduce((sum, { start, end }) => sum + end - start, 0n)
  return ranges.flatMap(({ start, end }) => {
    const here = Number((BigInt(count) * (end - start)) / size)
    return Array.from({ length: here }, (_, i) => start + (BigInt(i) * (end - start)) / BigInt(here))
  })
}

/** All names that `nm` gives to each address of a file. */
function namesOf(path: string): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>()
  for (const more of [[], ['-D']]) {
    const { stdout } = spawnSync('nm', [...more, path], { encoding: 'utf8', maxBuffer: 1 << 28 })
    for (const [, address, name] of stdout.matchAll(/^([\da-f]+) \w (.+)$/gm)) {
      const key = BigInt(`0x${address}`).toString()
      names.set(key, (names.get(key) ?? new Set()).add(name!.replace(/@.*/, '')))
    }
  }
  return names
}

kernelTest('addresses all over this program have the names that nm gives to their functions', ['nm'], t => {
  using symbolizer = new Symbolizer()
  const own = symbolizer.process(process.pid)
  const names = namesOf(process.execPath)
  // Node.js of npm and of Debian differ: one lies where it was linked, the other anywhere.
  const first = /^([\da-f]+)-/.exec(readFileSync('/proc/self/maps', 'utf8'))![1]!
  const type = readFileSync(process.execPath).readUInt16LE(16)
  const base = type === 3 ? BigInt(`0x${first}`) : 0n
  let named = 0
  for (const address of spread(process.pid, new RegExp(`${process.execPath}$`), 2000)) {
    const { name, offset } = own.at(address)
    // Builtins of V8 are mapped again elsewhere.
    if (name === undefined || name.endsWith('@plt') || address - BigInt(`0x${first}`) > 1n << 30n) continue
    named++
    const start = address - BigInt(offset) - base
    t.true(names.get(start.toString())?.has(name), `${name} at 0x${start.toString(16)}`)
  }
  t.true(named > 1500, `${named} of 2000 have names`)
  t.deepEqual([...own.problems], [])
})

kernelTest('functions of the vdso and of the kernel have names', [], t => {
  using symbolizer = new Symbolizer()
  const own = symbolizer.process(process.pid)
  const frames = spread(process.pid, /\[vdso\]$/, 400).map(address => own.at(address))
  t.true(frames.every(({ module }) => module === '[vdso]'))
  t.true(frames.some(({ name }) => name?.includes('vdso') || name?.includes('kernel')))
  const [, address, name] = /^([1-9a-f][\da-f]+) [tT] (\w+)$/m.exec(readFileSync('/proc/kallsyms', 'latin1'))!
  const frame = symbolizer.at(BigInt(`0x${address}`))
  t.is(frame.module, 'vmlinux')
  t.is(frame.offset, 0)
  t.truthy(name)
})

kernelTest('a program whose file is gone, or replaced by another build, keeps its names', [], async t => {
  const folder = mkdtempSync(join(tmpdir(), 'ebpf-ts-symbols-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'program')
  copyFileSync(process.execPath, program)
  using child = node('console.log(1)', { program })
  await child.read()
  rmSync(program)
  writeFileSync(program, 'another file')
  using symbolizer = new Symbolizer()
  const symbols = symbolizer.process(child.pid)
  const named = spread(child.pid, /program \(deleted\)$/, 200).map(each => symbols.at(each))
  t.true(named.filter(({ name }) => name !== undefined).length > 100)
  t.true(named.every(({ module }) => module === program))
  await child.end()
})

kernelTest(
  'a process that is held keeps its names when it has ended, one that is not asked for has none',
  [],
  async t => {
    using symbolizer = new Symbolizer()
    using child = node('console.log(1)')
    await child.read()
    const addresses = [...spread(child.pid, /\/[^/ ]*$/, 300), ...spread(child.pid, /\[vdso\]$/, 10)]
    const before = symbolizer.stack(addresses, child.pid)
    t.true(before.filter(({ name }) => name !== undefined).length > 100)
    using other = new Symbolizer()
    const held = other.process(child.pid).hold()
    await child.end()
    t.deepEqual(other.stack(addresses, child.pid), before)
    t.false(held.refresh())
    using late = new Symbolizer()
    t.true(late.stack(addresses, child.pid).every(frame => frameLabel(frame) === '[unknown]'))
    t.throws(() => late.process(child.pid), {
      instanceOf: BpfError,
      code: 'ESRCH',
      message: `Cannot read the mappings of process ${child.pid}: it does not exist`,
    })
  },
)

kernelTest('JavaScript functions have names where Node.js writes a perf map', [], async t => {
  const options = ['--perf-basic-prof', '--interpreted-frames-native-stack']
  using child = node('function hotFunction() { return 1 } hotFunction(); console.log(1)', { options })
  t.teardown(() => rmSync(`/tmp/perf-${child.pid}.map`, { force: true }))
  await child.read()
  using symbolizer = new Symbolizer()
  const symbols = symbolizer.process(child.pid)
  const map = readFileSync(`/tmp/perf-${child.pid}.map`, 'utf8')
  const inCode = [...map.matchAll(/^([\da-f]+) ([\da-f]+) (JS:\S*hotFunction.*)$/gm)].map(
    ([, start, size, name]) => ({ frame: symbols.at(BigInt(`0x${start}`) + 1n), size, name }),
  )
  t.true(
    inCode.some(({ frame, name }) => frame.name === name && frame.module === '[jit]' && frame.offset === 1),
  )
  // Code that came later replaces what was there.
  const [first] = inCode
  const start = first!.frame.address - 1n
  writeFileSync(`/tmp/perf-${child.pid}.map`, `${start.toString(16)} ${first!.size} later\n`, { flag: 'a' })
  symbols.hold()
  t.is(symbols.at(start).name, 'later')
  writeFileSync(`/tmp/perf-${child.pid}.map`, `${start.toString(16)} ${first!.size} last\n`, { flag: 'a' })
  t.is(symbols.at(start).name, 'later', 'it is held')
  t.is(symbols.hold().at(start).name, 'last')
  await child.end()
})

kernelTest('a thread has the functions of its process', [], async t => {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self'))
    parentPort.on('message', () => {})`,
    { eval: true },
  )
  const [link] = (await once(worker, 'message')) as [string]
  using symbolizer = new Symbolizer()
  const [address] = codeOf(process.pid, new RegExp(`${process.execPath}$`))
  const at = address!.start + (address!.end - address!.start) / 2n
  const tid = Number(link.split('/').at(-1))
  t.not(tid, process.pid)
  t.is(symbolizer.at(at, tid).module, process.execPath)
  t.deepEqual(symbolizer.at(at, tid), symbolizer.at(at, process.pid))
  await worker.terminate()
})

kernelTest('a process with another file system has its own files and its own perf map', [], async t => {
  const folder = mkdtempSync(join(tmpdir(), 'ebpf-ts-symbols-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  // A mount namespace with another /tmp, where the program lies; a namespace of ids, where it is number 1.
  const script = 'mount -t tmpfs none /tmp && cp "$0" /tmp/inside && exec /tmp/inside "$@"'
  const through = ['unshare', '--mount', '--pid', '--fork', 'sh', '-c', script]
  using parent = node('function hot() {} hot(); console.log(1)', { through, options: ['--perf-basic-prof'] })
  await parent.read()
  const children = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8')
  const pid = Number(children.trim())
  using symbolizer = new Symbolizer()
  const symbols = symbolizer.process(pid)
  const frames = spread(pid, /\/tmp\/inside$/, 100).map(each => symbols.at(each))
  t.true(frames.filter(({ name }) => name !== undefined).length > 50)
  t.true(frames.every(({ module }) => module === '/tmp/inside'))
  const map = readFileSync(`/proc/${pid}/root/tmp/perf-1.map`, 'utf8')
  const [, start, , name] = [...map.matchAll(/^([\da-f]+) ([\da-f]+) (Builtin:\S+)$/gm)].at(-1)!
  const found = symbols.at(BigInt(`0x${start}`))
  // Some versions of Node.js map builtins from the file.
  t.true(found.name === name || found.module === '/tmp/inside', frameLabel(found))
  process.kill(pid, 'SIGKILL')
  await parent.end()
})

kernelTest(
  'addresses of no mapping and of no process are unknown, what is not an address is refused',
  [],
  t => {
    using symbolizer = new Symbolizer()
    const unknown = (address: bigint) => ({ address, name: undefined, offset: 0, module: undefined })
    for (const address of [0n, 1n, (1n << 47n) - 1n, (1n << 63n) - 1n]) {
      t.deepEqual(symbolizer.at(address, process.pid), unknown(address))
      t.deepEqual(symbolizer.at(address), unknown(address))
    }
    t.throws(() => symbolizer.at(-1n), { instanceOf: RangeError })
    t.throws(() => symbolizer.at(1n << 64n), { instanceOf: RangeError })
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      t.throws(() => symbolizer.process(pid), {
        instanceOf: RangeError,
        message: `${pid} is not the id of a process`,
      })
    }
    t.deepEqual(symbolizer.stack([1n], 2 ** 22 + 1), [unknown(1n)])
    symbolizer.close()
    t.throws(() => symbolizer.at(0n), { code: 'ERR_CLOSED', message: 'The symbolizer is closed' })
  },
)
