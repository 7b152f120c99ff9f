import { Collection } from '../../../src/collection/collection.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectWith, PACKET } from '../../support/objects.ts'
import { since } from '../../support/programs/features.ts'

const exceptions = since('6.7', 'bpf_throw')

function resultOf(name: string): number {
  using collection = Collection.load(objectWith('exceptions', [name]))
  return collection.programs.get(name).testRun({ data: PACKET }).returnValue
}

kernelTest('the exception callback of a program runs when it throws', [exceptions], t => {
  t.is(resultOf('throws'), 107)
  t.is(resultOf('throws_without_callback'), 7)
})

for (const [name, reason] of [
  ['two_callbacks', 'multiple exception callback tags for main subprog'],
  ['hidden_callback', "exception callback 'not_global' must have global linkage"],
] as const) {
  kernelTest(`the verifier refuses ${name}`, [exceptions], t => {
    const error = t.throws(() => resultOf(name), { instanceOf: VerifierError })
    t.deepEqual(error.reason, [reason])
  })
}

kernelTest('an exception callback that the object does not define fails its program', [], t => {
  t.throws(() => resultOf('missing_callback'), {
    code: 'ERR_UNRESOLVED',
    message:
      /^Cannot load program missing_callback \(\?tc\): it uses function "missing", which does not exist$/,
  })
})
