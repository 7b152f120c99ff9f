import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { TapReader, type TapTest } from '../../../lab/test-runner/tap.ts'
import { mapTypes } from '../../../src/abi/generated/enums.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { bpf } from '../../../src/syscalls/bpf.ts'
import { OwnedFd } from '../../../src/syscalls/fd.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { ownName } from '../../support/stale.ts'

const build = new URL('../../..', import.meta.url)
const modules = fileURLToPath(new URL('../node_modules', build))

/** Runs ava, in a project of its own, on tests that are meant to fail or to be skipped. */
function runCases(source: string): TapTest[] {
  const project = mkdtempSync(join(tmpdir(), 'ebpf-ts-cases-'))
  try {
    symlinkSync(modules, join(project, 'node_modules'))
    const ava = { workerThreads: false, cache: false }
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', ava }))
    writeFileSync(join(project, 'test.js'), source)
    // ava's own patience, ten seconds, is too little for an emulated machine.
    const args = [join(modules, 'ava/entrypoints/cli.mjs'), '--tap', '--timeout=5m']
    const env = { ...process.env, EBPF_TS_TEST_PATIENCE: '5000' }
    const { stdout } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env })
    const reader = new TapReader()
    for (const line of stdout.split('\n')) reader.line(line)
    reader.end()
    return reader.tests
  } finally {
    rmSync(project, { recursive: true })
  }
}

function createMap(): OwnedFd {
  const fields = { map_type: mapTypes.array, key_size: 4, value_size: 8, max_entries: 1 }
  return OwnedFd.adopt(bpf('map_create', fields), 'test map')
}

kernelTest('a test that closes what it made passes', [features.objectNames, 'root'], t => {
  using map = createMap()
  t.false(map.closed)
})

kernelTest('a teardown may close what the test made', [], t => {
  const map = createMap()
  t.teardown(() => map.close())
  t.false(map.closed)
})

kernelTest('a test that leaves a descriptor or an object behind fails', ['root'], t => {
  const [descriptor, file, object, clean, ...more] = runCases(`
    import test from 'ava'
    import { bpf } from '${build}src/syscalls/index.js'
    import { closeSync, openSync } from 'node:fs'
    import { temporaryBpffs } from '${build}test/support/bpffs.js'
    import { kernelTest } from '${build}test/support/kernel-test.js'

    const bpffs = temporaryBpffs()
    test.after(() => bpffs[Symbol.dispose]())
    const createMap = () => bpf('map_create', { map_type: ${mapTypes.array}, key_size: 4, value_size: 8, max_entries: 1 })

    kernelTest('descriptor', [], t => {
      t.true(createMap() > 0)
    })
    kernelTest('file', [], t => {
      t.true(openSync('/proc/self/status') > 0)
    })
    kernelTest('object', [], t => {
      const fd = createMap()
      t.is(bpf('obj_pin', { pathname: bpffs.path + '/map', bpf_fd: fd }), 0)
      closeSync(fd)
    })
    kernelTest('clean', [], t => {
      closeSync(createMap())
      t.pass()
    })`)
  t.deepEqual([descriptor?.name, descriptor?.outcome], ['descriptor', 'failed'])
  t.regex(descriptor?.detail ?? '', /The test left behind: descriptor of anon_inode:bpf-map, map_id \d+/)
  t.deepEqual([file?.name, file?.outcome], ['file', 'failed'])
  t.regex(file?.detail ?? '', /The test left behind: descriptor of \/proc\/\d+\/status/)
  t.deepEqual([object?.name, object?.outcome], ['object', 'failed'])
  t.regex(object?.detail ?? '', /The test left behind: map_id \d+/)
  t.deepEqual(clean, { name: 'clean', outcome: 'passed', detail: '' })
  t.deepEqual(more, [])
})

kernelTest('a test that leaves a probe behind fails', ['tracefs', features.uprobe], t => {
  const group = ownName()
  const [probe, ...more] = runCases(`
    import { appendFileSync } from 'node:fs'
    import test from 'ava'
    import { kernelTest } from '${build}test/support/kernel-test.js'

    const EVENTS = '/sys/kernel/tracing/uprobe_events'
    test.after.always(() => appendFileSync(EVENTS, '-:${group}/left'))
    kernelTest('probe', [], t => {
      appendFileSync(EVENTS, 'p:${group}/left /bin/sh:0x1000')
      t.pass()
    })`)
  t.deepEqual([probe?.name, probe?.outcome], ['probe', 'failed'])
  t.regex(probe?.detail ?? '', new RegExp(`The test left behind: p:${group}/left\\s+/.*sh:0x0*1000`))
  t.deepEqual(more, [])
})

test('a test is skipped, with the reason, only for what is missing for certain', t => {
  const feature = (name: string, answer: string): string =>
    `{ name: '${name}', since: '99.1', probe: () => '${answer}', require() {} }`
  const tests = runCases(`
    import { kernelTest } from '${build}test/support/kernel-test.js'
    process.getuid = () => 0
    const pass = t => t.pass()
    kernelTest('missing', ['root', ${feature('Time travel', 'no')}], pass)
    kernelTest('present', [${feature('Gravity', 'yes')}], pass)
    kernelTest('unknown', [${feature('A riddle', 'unknown')}], pass)`)
  t.deepEqual(tests, [
    { name: 'missing', outcome: 'skipped', detail: 'needs Time travel (Linux 99.1)' },
    { name: 'present', outcome: 'passed', detail: '' },
    { name: 'unknown', outcome: 'passed', detail: '' },
  ])
})
