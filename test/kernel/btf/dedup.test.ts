import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { dedupBtf } from '../../../src/btf/dedup/dedup.ts'
import { kernelBtf, moduleBtfs } from '../../../src/kernel/btf.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { since } from '../../support/programs/features.ts'

/** Variables and sections are never the same as others. */
function unique(btf: Btf): number {
  let count = 0
  btf.forEachId(id => {
    if (['var', 'datasec'].includes(btf.kind(id))) count++
  })
  return count
}

/** The types of a BTF twice. */
function twice(btf: Btf): Btf {
  const options = btf.base === undefined ? {} : { base: btf.base }
  const builder = new BtfBuilder(options)
  builder.append(btf)
  builder.append(btf)
  return Btf.parse(builder.build(), options)
}

const recentPahole = since('6.12', 'Types that a recent pahole has made')

kernelTest('types that a recent pahole has deduplicated stay as they are', [recentPahole], t => {
  const { ids } = dedupBtf(kernelBtf())
  const seen = new Set<number>()
  const dropped = new Set<string>()
  ids.forEach((id, old) => {
    if (seen.has(id)) dropped.add(kernelBtf().kind(old))
    seen.add(id)
  })
  // Behind pahole, resolve_btfids of Linux 7.0 adds prototypes of kfuncs, without looking for the same ones.
  dropped.delete('func_proto')
  t.deepEqual([...dropped], [])
})

kernelTest('the types of the kernel twice are those of the kernel', [], t => {
  // Older paholes left some duplicates.
  const once = dedupBtf(kernelBtf()).btf
  t.true(once.typeCount <= kernelBtf().typeCount)
  t.true(once.typeCount > kernelBtf().typeCount * 0.99)
  t.is(dedupBtf(once).btf.typeCount, once.typeCount)
  t.is(dedupBtf(twice(kernelBtf())).btf.typeCount, once.typeCount + unique(once))
})

// A kernel without modules, as hosts may have, shows nothing here; test/unit/btf/dedup.test.ts has types on top of a base.
kernelTest('the types of modules twice are those of the module', [], t => {
  const modules = [...moduleBtfs()].slice(0, 5)
  const once = modules.map(module => dedupBtf(module).btf)
  t.deepEqual(
    modules.map(module => dedupBtf(twice(module)).btf.typeCount),
    once.map(btf => btf.typeCount + unique(btf)),
  )
  t.true(modules.every((module, i) => once[i]!.typeCount <= module.typeCount))
})
