import test from 'ava'
import { mov } from '../../../../src/asm/alu.ts'
import { callFunction, loadMap, loadMapFd, loadMapValue } from '../../../../src/asm/calls.ts'
import { r1, r2 } from '../../../../src/asm/registers.ts'
import { BpfError } from '../../../../src/base/errors.ts'
import { resolveMaps } from '../../../../src/programs/passes/maps.ts'

const maps = (name: string): { fd: number } | undefined => (name === 'm' ? { fd: 7 } : undefined)

test('maps become descriptors, and addresses in their values offsets as well', t => {
  const program = [{ ...loadMap(r1, 'm'), symbol: 'f' }, loadMapValue(r2, 'm', 12)]
  t.deepEqual(resolveMaps(program, { maps }), [{ ...loadMapFd(r1, 7), symbol: 'f' }, loadMapValue(r2, 7, 12)])
  t.deepEqual(program[1], loadMapValue(r2, 'm', 12))
})

test('a program without references is given back', t => {
  const program = [mov(r1, 1)]
  t.is(resolveMaps(program, {}), program)
})

test('what is not a map, or names none, is an error', t => {
  const refused = (message: string, ...program: Parameters<typeof resolveMaps>[0]): void => {
    t.throws(() => resolveMaps(program, { maps }), { instanceOf: BpfError, code: 'ERR_UNRESOLVED', message })
  }
  refused('it refers to map "n", which does not exist', loadMap(r1, 'n'))
  refused('the call reference to "g" is not resolved', callFunction('g'))
  refused('only a 64-bit immediate load can refer to map "m"', {
    ...mov(r1, 1),
    reference: { kind: 'map', name: 'm' },
  })
  t.throws(() => resolveMaps([loadMap(r1, 'm')], {}), {
    message: 'it refers to map "m", which does not exist',
  })
})
