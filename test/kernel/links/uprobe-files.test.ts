import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, openSync, renameSync } from 'node:fs'
import { BPF_F_UPROBE_MULTI_RETURN } from '../../../src/abi/generated/flags.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import { uprobe, uretprobe } from '../../../src/links/hooks/user-probes/uprobe.ts'
import { uprobeMulti } from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import type { UprobeMultiLink } from '../../../src/links/hooks/user-probes/uprobe-multi-link.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { uprobeMultiInfo } from '../../support/links/features.ts'
import { UprobeCounter } from '../../support/links/uprobe-counter.ts'
import { makeUprobeTarget } from '../../support/links/uprobe-target.ts'

/** Opens a program and puts another in its place for as long as `use` runs. */
function replaced(path: string, use: (fd: number) => void): void {
  const fd = openSync(path, 'r')
  try {
    renameSync(path, `${path}.moved`)
    copyFileSync(process.execPath, path)
    use(fd)
  } finally {
    renameSync(`${path}.moved`, path)
    closeSync(fd)
  }
}

const runs32 = defineFeature('A kernel that runs and probes programs of 32-bit x86', undefined, () => {
  if (process.arch !== 'x64') return 'no'
  using target = makeUprobeTarget({ architecture: 'ia32' })
  return spawnSync(target.path, { input: '.' }).status === 0 ? 'yes' : 'no'
})

kernelTest('programs of 32 bits are probed', [features.uprobe, runs32], t => {
  using target = makeUprobeTarget({ architecture: 'ia32' })
  using counter = new UprobeCounter()
  for (const [symbol, calls] of [
    ['alpha', 3],
    ['gamma@V1', 1],
    ['gamma', 4],
  ] as const) {
    using _ = uprobe(counter.program, target.path, { symbol })
    t.is(counter.during(target.run), calls, symbol)
  }
  using _ = uretprobe(counter.program, target.path, { symbol: 'beta' })
  t.is(counter.during(target.run), 2)
})

kernelTest('functions behind the first four gigabytes of a file are probed', [features.uprobe], t => {
  const gap = 5 * 2 ** 30
  using target = makeUprobeTarget({ gap })
  using counter = new UprobeCounter()
  t.true(target.offsets.alpha > gap)
  for (const mode of ['auto', 'perf', 'legacy'] as const) {
    using _ = uprobe(counter.program, target.path, { symbol: 'alpha', mode })
    t.is(counter.during(target.run), 3, mode)
  }
  using _ = uprobe(counter.program, target.path, { offset: target.offsets.beta })
  t.is(counter.during(target.run), 2)
})

kernelTest('one link probes many functions there', [features.uprobeMulti], t => {
  using target = makeUprobeTarget({ gap: 5 * 2 ** 30 })
  using counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
  using link = uprobeMulti(counter.program, target.path, { pattern: '*a' })
  t.is(link.count, 4)
  t.is(counter.during(target.run), 10)
})

kernelTest('a descriptor names the file that is probed, whatever is at its path', [features.uprobe], t => {
  using target = makeUprobeTarget()
  using counter = new UprobeCounter()
  for (const mode of ['auto', 'perf', 'legacy'] as const) {
    let link: Disposable | undefined
    replaced(target.path, fd => {
      link = uprobe(counter.program, { fd }, { symbol: 'alpha', mode })
    })
    using _ = link!
    t.is(counter.during(target.run), 3, mode)
  }
})

kernelTest('one link probes many functions of a file by its descriptor', [features.uprobeMulti], t => {
  using target = makeUprobeTarget()
  using counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
  let link: UprobeMultiLink | undefined
  replaced(target.path, fd => {
    link = uprobeMulti(counter.program, { fd }, { pattern: '*a' })
  })
  using _ = link!
  t.is(counter.during(target.run), 10)
  if (uprobeMultiInfo.probe() === 'yes') t.is(link!.info().path, target.path)
})

const byDescriptor = [features.uprobeMultiDescriptor]

kernelTest('a link of a file by its descriptor says so, with its other flags', byDescriptor, t => {
  using target = makeUprobeTarget()
  using counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
  const fd = openSync(target.path, 'r')
  t.teardown(() => closeSync(fd))
  using link = uprobeMulti(counter.program, { fd }, { symbols: ['alpha'], returns: true })
  t.is(counter.during(target.run), 3)
  t.is(link.info().flags & BPF_F_UPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN)
})
