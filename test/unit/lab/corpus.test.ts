import { readFileSync } from 'node:fs'
import test from 'ava'
import { compareObject, type Difference, emptyCounts } from '../../../lab/corpus/compare.ts'
import type { LoadFacts, ObjectFacts } from '../../../lab/corpus/facts.ts'
import { bpfImages } from '../../../lab/corpus/images.ts'
import { causeOf } from '../../../lab/corpus/known.ts'
import { parseTwin } from '../../../lab/corpus/twin.ts'
import { objectPath } from '../../support/objects.ts'

const object = readFileSync(objectPath('core'))

test('objects are found in other files, and cut to their size', t => {
  const notBpf = Uint8Array.from(object, (byte, at) => (at === 18 ? 62 : byte))
  const file = Buffer.concat([Buffer.from('\x7fELF'), object, notBpf, object, Buffer.alloc(7)])
  t.deepEqual(
    bpfImages(file).map(({ offset, bytes }) => [offset, Buffer.from(bytes).equals(object)]),
    [
      [4, true],
      [4 + 2 * object.length, true],
    ],
  )
  t.deepEqual(bpfImages(object.subarray(0, -1)), [])
})

test('both byte orders are read', t => {
  const big = readFileSync(objectPath('core.bpfeb'))
  t.deepEqual(
    bpfImages(big).map(({ bytes }) => bytes.length),
    [big.length],
  )
})

const twinText = `{"object":"a.o","error":0,"message":""}
{"map":"a.rodata","type":2,"key":4,"value":8,"entries":1,"flags":128,"extra":0}
{"program":"f","section":"xdp","type":6,"attach":37,"instructions":2,"autoload":true}
{"load":"f","error":0,"processed":2,"tag":"0123456789abcdef","message":""}
{"object":"b.o","error":95,"message":"libbpf: elf: legacy map definitions in 'maps' section are not supported"}
`

test('what the twin prints is read, data sections by their names', t => {
  const [first, second] = [...parseTwin(twinText).values()]
  t.is(first!.maps[0]!.map, '.rodata')
  t.is(first!.programs[0]!.instructions, 2)
  t.is(first!.loads[0]!.tag, '0123456789abcdef')
  t.is(second!.error, 95)
  t.throws(() => parseTwin('{"map":"m"}'), { message: /about no object/ })
})

const [same, unreadable] = [...parseTwin(twinText).values()] as [ObjectFacts, ObjectFacts]
const withLoad = (load: Partial<LoadFacts>): ObjectFacts => ({
  ...same,
  loads: [{ ...same.loads[0]!, ...load }],
})

function differences(ours: ObjectFacts, twins: ObjectFacts): readonly Difference[] {
  return compareObject(ours, twins, emptyCounts())
}

test('every difference is reported', t => {
  t.deepEqual(differences(same, same), [])
  const fields = (ours: ObjectFacts): readonly (readonly string[])[] =>
    differences(ours, same).map(each => each.fields)
  t.deepEqual(fields(withLoad({ processed: 3 })), [['processed']])
  t.deepEqual(fields(withLoad({ error: 1, processed: -1, tag: '' })), [['verdict', 'processed', 'tag']])
  t.deepEqual(fields({ ...same, maps: [{ ...same.maps[0]!, key: 8, value: 4 }] }), [['key', 'value']])
  t.deepEqual(fields({ ...same, programs: [] }), [['missing']])
  t.deepEqual(fields({ ...unreadable, object: 'a.o' }), [['verdict']])
  t.deepEqual(differences(unreadable, unreadable), [])
})

test('agreement is counted by program', t => {
  const counts = emptyCounts()
  compareObject(withLoad({ tag: '' }), same, counts)
  compareObject(same, same, counts)
  compareObject(unreadable, unreadable, counts)
  t.deepEqual(counts, {
    objects: 3,
    readable: 2,
    programs: 2,
    loaded: 2,
    sameVerdict: 2,
    sameProcessed: 2,
    sameTag: 1,
  })
})

test('only differences that are meant have a cause', t => {
  const [legacy] = differences({ ...same, object: 'b.o' }, unreadable)
  t.regex(causeOf(legacy!)!, /maps from before BTF/)
  const [reverse] = differences(unreadable, { ...same, object: 'b.o' })
  t.is(causeOf(reverse!), undefined)
  const [flags] = differences({ ...same, maps: [{ ...same.maps[0]!, flags: 128 | 1024 }] }, same)
  t.regex(causeOf(flags!)!, /BPF_F_MMAPABLE/)
  const [others] = differences({ ...same, maps: [{ ...same.maps[0]!, flags: 1024 }] }, same)
  t.is(causeOf(others!), undefined)
  const [tag] = differences(withLoad({ tag: '' }), same)
  t.is(causeOf(tag!), undefined)
  const [array] = differences(same, withLoad({ error: 9, tag: '' }))
  t.regex(causeOf(array!)!, /array of programs/)
  const [refused] = differences(same, withLoad({ error: 22, tag: '' }))
  t.is(causeOf(refused!), undefined)
})
