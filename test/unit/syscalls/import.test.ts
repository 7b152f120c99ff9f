import { execFileSync } from 'node:child_process'
import test from 'ava'

const room = new URL('../../../src/syscalls/index.js', import.meta.url).href

/** Runs a module in a process of its own; what it logs is JSON. */
function run(source: string, env: NodeJS.ProcessEnv = {}): unknown {
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  return JSON.parse(output)
}

const nativeModules = `const native = () => process.report.getReport().sharedObjects.filter(path => path.endsWith('.node')).length`

test('importing the room loads no native module, the first call one', t => {
  const source = `
    ${nativeModules}
    process.report.excludeNetwork = true
    const { syscallBackend } = await import('${room}')
    const before = native()
    ${process.platform === 'linux' ? 'syscallBackend()' : ''}
    console.log(JSON.stringify([before, native()]))`
  t.deepEqual(run(source), [0, process.platform === 'linux' ? 1 : 0])
})

/** The error of the first call, on a pretended platform. */
function firstCall(env: NodeJS.ProcessEnv, pretend = ''): unknown {
  const source = `
    ${pretend}
    const { syscallBackend } = await import('${room}')
    try {
      syscallBackend()
      console.log('null')
    } catch ({ name, code, message }) {
      console.log(JSON.stringify({ name, code, message }))
    }`
  return run(source, env)
}

test('an unknown backend is refused at the first call', t => {
  const source = `Object.defineProperty(process, 'platform', { value: 'linux' })`
  t.deepEqual(firstCall({ EBPF_TS_BACKEND: 'libbpf' }, source), {
    name: 'BpfError',
    code: 'ERR_BACKEND',
    message: 'Unknown backend EBPF_TS_BACKEND=libbpf: expected koffi or shim',
  })
})

test('a shim that is asked for and absent is missed at the first call', t => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64'
  const source = `
    Object.defineProperty(process, 'platform', { value: 'linux' })
    Object.defineProperty(process, 'arch', { value: '${other}' })`
  t.deepEqual(firstCall({ EBPF_TS_BACKEND: 'shim' }, source), {
    name: 'BpfError',
    code: 'ERR_BACKEND',
    message:
      'Cannot use EBPF_TS_BACKEND=shim: this package has no prebuilt shim for this platform (npm run build:native in a clone, or EBPF_TS_SHIM=/absolute/path.node); unset it to use koffi',
  })
})

test('another operating system is refused at the first call', t => {
  const source = `Object.defineProperty(process, 'platform', { value: 'darwin' })`
  t.deepEqual(firstCall({}, source), {
    name: 'NotSupportedError',
    code: 'ERR_NOT_SUPPORTED',
    message: 'eBPF is not supported by this kernel; it needs Linux, this is darwin',
  })
})

test('another CPU is refused at the first call', t => {
  const source = `
    Object.defineProperty(process, 'platform', { value: 'linux' })
    Object.defineProperty(process, 'arch', { value: 's390x' })`
  t.deepEqual(firstCall({}, source), {
    name: 'NotSupportedError',
    code: 'ERR_NOT_SUPPORTED',
    message: 'eBPF on this CPU is not supported by this kernel; x64 and arm64 are known, this is s390x',
  })
})
