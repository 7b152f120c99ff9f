import test from 'ava'
import fc from 'fast-check'
import { BpfError } from '../../../src/base/errors.ts'
import { pinPathOf } from '../../../src/maps/pin-path.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'

const map = (more: Partial<MapSpec>): MapSpec => ({ name: 'm', type: 'array', ...more })

test('a map is pinned under its name, or where it says', t => {
  t.is(pinPathOf(map({})), undefined)
  t.is(pinPathOf(map({ pinning: 'none', pinPath: 'a' })), undefined)
  t.is(pinPathOf(map({ pinning: 'by_name' })), '/sys/fs/bpf/m')
  t.is(pinPathOf(map({ pinning: 'by_name' }), '/run/bpf/'), '/run/bpf/m')
  t.is(pinPathOf(map({ pinPath: 'tc/globals/m' }), '/run/bpf'), '/run/bpf/tc/globals/m')
  t.is(pinPathOf(map({ pinPath: '/run/bpf/x' })), '/run/bpf/x')
})

for (const name of ['', '.', '..', '/', '../../etc', 'a/b', '/etc', 'a\0b']) {
  test(`no pin has the name ${JSON.stringify(name)}`, t => {
    t.throws(() => pinPathOf(map({ name, pinning: 'by_name' }), '/run/bpf'), {
      instanceOf: BpfError,
      code: 'ERR_INVALID_SPEC',
      message: `Cannot pin map ${JSON.stringify(name)}: ${JSON.stringify(name)} is not a path below /run/bpf`,
    })
  })
}

for (const pinPath of ['', '..', 'a/../../b', './a', 'a//b', 'a/', 'a\0', '/a\0']) {
  test(`${JSON.stringify(pinPath)} is not a path of a pin`, t => {
    t.throws(() => pinPathOf(map({ pinPath })), { instanceOf: BpfError, code: 'ERR_INVALID_SPEC' })
  })
}

test('a pinning that only another loader knows must be set before the map is created', t => {
  t.throws(() => pinPathOf(map({ pinning: 16 })), {
    instanceOf: BpfError,
    code: 'ERR_INVALID_SPEC',
    message:
      /^Cannot create map "m": its pinning is 16, .*Set its pinning to 'none' or 'by_name', or its pinPath$/,
  })
  t.is(pinPathOf(map({ pinning: 16, pinPath: 'a' })), '/sys/fs/bpf/a')
})

test('whatever the name, the pin is in the directory', t => {
  const step = fc.oneof(fc.constantFrom('..', '.', '/', '', '\0', 'a', '\\', '~'), fc.string())
  fc.assert(
    fc.property(fc.array(step), parts => {
      const name = parts.join('')
      try {
        const path = pinPathOf(map({ name, pinning: 'by_name' }), '/run/bpf')
        t.is(path, `/run/bpf/${name}`)
      } catch (error) {
        if (!(error instanceof BpfError)) throw error
      }
    }),
  )
  t.pass()
})
