import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Collection } from '../../../src/collection/collection.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { operations, operationsName, unregisterStale } from '../../support/links/struct-ops.ts'
import { structOpsMaps } from '../../support/maps/features.ts'
import { isStale, OWNER } from '../../support/owner.ts'
import { eventually } from '../../support/poll.ts'
import { cgroup2Path } from '../../support/requirements.ts'
import { ownName, removeStale } from '../../support/stale.ts'

const build = new URL('../../..', import.meta.url)

/** Runs a module in a process, which prints a line and is then killed; returns the line. */
async function killed(source: string): Promise<string> {
  const args = ['--input-type=module', '-e', `${source}\nsetInterval(() => {}, 1000)`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [line, errors] = ['', '']
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    line += text
    child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  if (signal !== 'SIGKILL') throw new Error(`The process ended by itself: ${errors}`)
  return line.trim()
}

kernelTest('names tell whether their process is gone', [], async t => {
  t.false(isStale(OWNER))
  t.false(isStale(ownName()))
  t.false(isStale('no owner'))
  const name = await killed(`
    import { ownName } from '${build}test/support/stale.js'
    console.log(ownName())`)
  t.true(isStale(name))
  const [namespace, ...rest] = name.replace('ebpf_test_', '').split('_')
  t.false(isStale([Number(namespace) + 1, ...rest].join('_')), 'a process of another namespace may live')
  t.true(isStale(OWNER.replace(/\d+$/, '1')), 'another process has its id by now')
})

kernelTest('what a killed process left is removed, and nothing else', ['bpffs', 'cgroup2'], async t => {
  using bpffs = temporaryBpffs()
  const pin = await killed(`
    import { BpfMap } from '${build}src/maps/map.js'
    import { temporaryBpffs } from '${build}test/support/bpffs.js'
    const { path } = temporaryBpffs()
    BpfMap.create({ name: 'left', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 }).pin(path + '/map')
    console.log(path)`)
  const cgroup = await killed(`
    import { mkdirSync } from 'node:fs'
    import { ownName } from '${build}test/support/stale.js'
    const path = '${cgroup2Path()}/' + ownName()
    mkdirSync(path)
    console.log(path)`)
  const child = await killed(`
    import { spawn } from 'node:child_process'
    import { ownChildren } from '${build}test/support/owner.js'
    ownChildren()
    console.log(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid)`)
  t.true(existsSync(join(pin, 'map')))
  t.true(existsSync(cgroup))
  t.true(existsSync(`/proc/${child}`))
  await removeStale()
  t.false(existsSync(pin))
  t.false(existsSync(cgroup))
  t.true(await eventually(() => !existsSync(`/proc/${child}`)))
  t.true(existsSync(bpffs.path))
})

kernelTest(
  'events that a killed process left are removed, and no others',
  ['tracefs', features.uprobe],
  async t => {
    const EVENTS = '/sys/kernel/tracing/uprobe_events'
    const own = ownName()
    appendFileSync(EVENTS, `p:${own}/own /bin/sh:0x1000`)
    t.teardown(() => appendFileSync(EVENTS, `-:${own}/own`))
    const group = await killed(`
    import { appendFileSync } from 'node:fs'
    import { ownName } from '${build}test/support/stale.js'
    const group = ownName()
    appendFileSync('${EVENTS}', 'p:' + group + '/left /bin/sh:0x1000')
    console.log(group)`)
    t.true(readFileSync(EVENTS, 'utf8').includes(`${group}/left`))
    await removeStale()
    t.false(readFileSync(EVENTS, 'utf8').includes(group))
    t.true(readFileSync(EVENTS, 'utf8').includes(`${own}/own`))
  },
)

function congestionControls(): string[] {
  return readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ')
}

kernelTest(
  'operations that a killed process registered are taken away, and no others',
  [structOpsMaps],
  async t => {
    using collection = Collection.load(operations('plain'))
    const attached = collection.attach()
    const name = await killed(`
    import { Collection } from '${build}src/collection/collection.js'
    import { operations, operationsName } from '${build}test/support/links/struct-ops.js'
    Collection.load(operations('plain')).attach()
    console.log(operationsName('plain'))`)
    t.true(congestionControls().includes(name))
    unregisterStale()
    t.true(await eventually(() => !congestionControls().includes(name)))
    t.true(congestionControls().includes(operationsName('plain')))
    attached.close()
  },
)
