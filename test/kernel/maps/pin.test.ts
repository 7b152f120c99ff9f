import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const sums: MapSpec = { name: 'sums', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4 }

kernelTest('a pinned map outlives its handle', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/sums`
  const map = BpfMap.create(sums)
  map.typed(u32, u64).set(1, 10n)
  map.pin(path)
  map.close()

  using found = BpfMap.loadPinned(path)
  t.deepEqual([found.name, found.type, found.maxEntries], ['sums', 'hash', 4])
  t.is(found.typed(u32, u64).get(1), 10n)
  found.unpin(path)
  t.throws(() => BpfMap.loadPinned(path), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: `Cannot open pinned map ${path}: No such file or directory (ENOENT)`,
  })
  t.is(found.typed(u32, u64).get(1), 10n, 'the map itself stays while it is open')
})

kernelTest('a pin in a directory that the user may not enter: the error says what is missing', [], t => {
  using bpffs = temporaryBpffs()
  using map = BpfMap.create(sums)
  const path = `${bpffs.path}/private/sums`
  map.pin(path, { parents: true })
  const source = `import { BpfMap } from 'ebpf-ts'; BpfMap.loadPinned('${path}')`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    uid: 65534,
    gid: 65534,
  })
  t.regex(
    stderr,
    /Cannot open pinned map .*\((?:EPERM|EACCES)\): (?:this process lacks CAP_BPF|user 65534 lacks CAP_DAC_OVERRIDE; the mode of the file, that of a directory above it, or a security module refuses)/,
  )
  map.unpin(path)
})

kernelTest('a path is taken only once', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/sums`
  using map = BpfMap.create(sums)
  map.pin(path)
  t.throws(() => map.pin(path), {
    code: 'EEXIST',
    message: `Cannot pin map sums at ${path}: File already exists (EEXIST)`,
  })
  map.unpin(path)
  t.throws(() => map.unpin(path), { code: 'ENOENT' })
})

kernelTest('directories above a pin are made when asked for', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/a/b/sums`
  using map = BpfMap.create(sums)
  t.throws(() => map.pin(path), { code: 'ENOENT' })
  map.pin(path, { parents: true })
  using found = BpfMap.loadPinned(path)
  t.is(found.id, map.id)
  map.unpin(path)
  rmdirSync(`${bpffs.path}/a/b`)
})

kernelTest('a pin needs a BPF file system', [], t => {
  using map = BpfMap.create(sums)
  const path = `${tmpdir()}/sums`
  const reason = `${tmpdir()} is not on a BPF file system (mount one with: mount -t bpf bpf /sys/fs/bpf)`
  t.throws(() => map.pin(path), {
    code: 'ERR_NOT_BPFFS',
    message: `Cannot pin map sums at ${path}: ${reason}`,
  })
  t.throws(() => map.unpin(path), { code: 'ERR_NOT_BPFFS', message: `Cannot unpin ${path}: ${reason}` })
})

kernelTest('a pin may be opened for reading or writing only', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/sums`
  using map = BpfMap.create(sums).typed(u32, u64)
  map.set(1, 10n).pin(path)

  using reader = BpfMap.loadPinned(path, { readOnly: true }).typed(u32, u64)
  t.is(reader.get(1), 10n)
  t.throws(() => reader.set(1, 2n), {
    code: 'EPERM',
    message: 'Cannot set in map sums: it is frozen, or its descriptor is not for writing (EPERM)',
  })

  using writer = BpfMap.loadPinned(path, { writeOnly: true }).typed(u32, u64)
  writer.set(1, 11n)
  t.throws(() => writer.get(1), {
    code: 'EPERM',
    message: 'Cannot look up in map sums: its descriptor is not for reading (EPERM)',
  })
  t.is(reader.get(1), 11n)
})

kernelTest('a map that is pinned by name is made once and then reused', [], t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: `${bpffs.path}/app` }
  const spec: MapSpec = { ...sums, name: 'a_name_with_more_than_15_bytes', pinning: 'by_name' }
  using first = BpfMap.create(spec, options).typed(u32, u64)
  first.set(1, 10n)

  using second = BpfMap.create(spec, options).typed(u32, u64)
  t.is(second.id, first.id)
  t.is(second.name, spec.name)
  t.is(second.get(1), 10n)

  using pinned = BpfMap.loadPinned(`${options.pinPath}/${spec.name}`)
  t.is(pinned.id, first.id)
})

kernelTest('contents go into a map that is made, not into one that is reused', [], t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: bpffs.path }
  const contents = [{ key: Uint8Array.of(1, 0, 0, 0), value: new Uint8Array(8).fill(1) }]
  const spec: MapSpec = { ...sums, pinning: 'by_name', contents }
  using first = BpfMap.create(spec, options).typed(u32, u64)
  t.is(first.get(1), 0x0101010101010101n)
  first.set(1, 5n)
  using second = BpfMap.create(spec, options).typed(u32, u64)
  t.is(second.get(1), 5n)
})

for (const [change, difference] of [
  [{ type: 'lru_hash' }, 'type hash is not lru_hash'],
  [{ keySize: 8 }, 'key size 4 is not 8'],
  [{ valueSize: 4, maxEntries: 5 }, 'value size 8 is not 4, max entries 4 is not 5'],
  [{ flags: 1 }, 'flags 0x0 is not 0x1'],
] as const) {
  kernelTest(`a pinned map is not reused when its ${difference}`, [], t => {
    using bpffs = temporaryBpffs()
    const options = { pinPath: bpffs.path }
    using map = BpfMap.create({ ...sums, pinning: 'by_name' }, options)
    t.throws(() => BpfMap.create({ ...sums, ...change, pinning: 'by_name' }, options), {
      instanceOf: BpfError,
      code: 'ERR_MAP_INCOMPATIBLE',
      message: `Cannot use the map pinned at ${bpffs.path}/sums as map sums: ${difference}`,
    })
    t.is(map.type, 'hash')
  })
}

kernelTest('a map that cannot be pinned by name does not stay', [], t => {
  t.throws(() => BpfMap.create({ ...sums, pinning: 'by_name' }, { pinPath: tmpdir() }), {
    code: 'ERR_NOT_BPFFS',
    message: /^Cannot pin map sums at /,
  })
})

kernelTest('a pin that fails leaves no directories', [], t => {
  using bpffs = temporaryBpffs()
  using map = BpfMap.create(sums)
  for (const name of ['a/b/no.dots', 'a/b/c.d/e', 'a/../b/no.dots']) {
    t.throws(() => map.pin(`${bpffs.path}/${name}`, { parents: true }), {
      instanceOf: BpfError,
      code: 'EPERM',
    })
    t.deepEqual(readdirSync(bpffs.path), [])
  }
})

kernelTest('removing a pin removes no ordinary file, though a directory above is exchanged', [], async t => {
  using bpffs = temporaryBpffs()
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-unpin-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const victim = join(directory, 'pin')
  // What another user may do below a directory of theirs, as fast as they can.
  const exchange = `
    const { renameSync, symlinkSync } = require('node:fs')
    const [directory, bpffs] = process.argv.slice(1)
    for (const end = Date.now() + 20_000; Date.now() < end; )
      for (const target of [directory, bpffs]) {
        symlinkSync(target, directory + '/new')
        renameSync(directory + '/new', directory + '/link')
      }`
  symlinkSync(bpffs.path, `${directory}/link`)
  const other = spawn(process.execPath, ['-e', exchange, directory, bpffs.path], { stdio: 'ignore' })
  t.teardown(() => other.kill('SIGKILL'))
  using map = BpfMap.create(sums)
  writeFileSync(victim, 'not a pin')
  const outcomes = new Set<string>()
  // On a busy machine the other process may begin late.
  for (let i = 0; i < 20_000 || (outcomes.size < 2 && other.exitCode === null); i++) {
    if (i % 1000 === 0) await new Promise(resolve => setImmediate(resolve))
    try {
      map.unpin(`${directory}/link/pin`)
      outcomes.add('removed')
    } catch (error) {
      outcomes.add((error as BpfError).code)
    }
    if (outcomes.has('removed')) break
  }
  if (other.exitCode === null) {
    const ended = new Promise(resolve => other.once('exit', resolve))
    other.kill('SIGKILL')
    await ended
  }
  t.true(existsSync(victim))
  t.deepEqual([...outcomes].sort(), ['ENOENT', 'ERR_NOT_BPFFS'])
})
