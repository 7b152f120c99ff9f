import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, runOnce } from '../../support/objects.ts'
import { instructionsV4, syscallPrograms } from '../../support/programs/features.ts'

kernelTest('an object that bpftool has linked does what its halves say', [], t => {
  using collection = loadObject('linked')
  const { programs, variables, maps } = collection
  // choose(10) + twist(100) + common(7), where choose is the strong one and twist that of the same half.
  t.is(runOnce(programs.get('first')), 12 + 300 + 2)
  t.is(runOnce(programs.get('second')), 22 + 97 + 2 + 41)
  t.is(variables.get('hidden_state').get(), 41n)
  const shared = maps.get('shared').decoded()
  t.deepEqual(shared.get(1), { runs: 1n, next: 0n })
})

for (const [version, needs] of [
  ['v1', [syscallPrograms]],
  ['v2', [syscallPrograms]],
  ['v3', [syscallPrograms]],
  ['v4', [syscallPrograms, instructionsV4]],
] as const) {
  kernelTest(`programs of version ${version} of the instruction set run`, needs, t => {
    using collection = loadObject(`isa-${version}`)
    const results = ['compare', 'convert', 'refer'].map(
      name => collection.programs.get(name).testRun().returnValue | 0,
    )
    t.deepEqual(results, [3, -5 + 1 - 3, 3 * 14 + 3])
    t.is(collection.maps.get('slots').decoded().get(0), 14n)
  })
}
