import { spawnSync } from 'node:child_process'
import { kernelTest } from '../../support/kernel-test.ts'

/** Loads, attaches and reads an object with the published package, then has a call refused. */
const SCRIPT = `
import { createRequire } from 'node:module'
import { BpfMap, Collection, CollectionSpec } from 'ebpf-ts'
import { syscallBackend } from 'ebpf-ts/syscalls'
const files = createRequire(import.meta.url).cache
const loaded = () => Object.keys(files).flatMap(file => /(?<=dist\\/)[^/]+\\.cjs$/.exec(file) ?? [])
const collection = Collection.load(CollectionSpec.fromFile('examples/processes.bpf.o'))
const afterLoad = loaded()
const attached = collection.attach()
collection.ringBuffer('events').close()
const map = BpfMap.create({ name: 'map', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1 })
map.set(new Uint8Array(4), new Uint8Array(4))
const count = [...map].length
const before = loaded()
let message = ''
try {
  BpfMap.create({ name: 'map', type: 'array', keySize: 8, valueSize: 4, maxEntries: 1 })
} catch (error) {
  message = error.message
}
for (const each of [attached, collection, map]) each.close()
console.log(JSON.stringify({ backend: syscallBackend(), count, afterLoad, before, message, after: loaded() }))
`

kernelTest('what attaches and what finds out why a call was refused is loaded when it is called', [], t => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    encoding: 'utf8',
    env: { ...process.env, EBPF_TS_BACKEND: '' },
  })
  t.is(stderr, '')
  const { backend, count, afterLoad, before, message, after } = JSON.parse(stdout)
  t.is(count, 1)
  // koffi is in later.cjs.
  const always = backend === 'koffi' ? ['later.cjs'] : []
  t.deepEqual(afterLoad, always)
  t.deepEqual(before, [...always, 'attach.cjs'])
  t.deepEqual([...after].sort(), ['attach.cjs', 'later.cjs'])
  t.regex(message, /^Cannot create map map: .*key/)
})
