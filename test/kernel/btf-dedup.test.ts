import { Btf, BtfBuilder, dedupBtf } from '../../src/btf/index.ts'
import { kernelBtf, moduleBtfs } from '../../src/kernel/index.ts'
import { kernelTest } from '../support/kernel-test.ts'

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

kernelTest('the types of the kernel, which pahole has deduplicated, stay as they are', [], t => {
  t.is(dedupBtf(kernelBtf()).btf.typeCount, kernelBtf().typeCount)
})

kernelTest('the types of the kernel twice are those of the kernel', [], t => {
  t.is(dedupBtf(twice(kernelBtf())).btf.typeCount, kernelBtf().typeCount + unique(kernelBtf()))
})

kernelTest('the types of modules stay as they are, and twice are those of the module', [], t => {
  for (const module of [...moduleBtfs()].slice(0, 5)) {
    t.is(dedupBtf(module).btf.typeCount, module.typeCount, module.file)
    t.is(dedupBtf(twice(module)).btf.typeCount, module.typeCount + unique(module), module.file)
  }
  t.pass()
})
