import { isAtLeast } from '../../../src/kernel/version.ts'
import { haveHook } from '../../../src/links/have-hook.ts'
import type { HookDefinition } from '../../../src/links/hooks/definition.ts'
import { hooks } from '../../../src/links/hooks/registry.ts'
import type { Hook } from '../../../src/programs/sections.ts'
import { kernelTest } from '../../support/kernel-test.ts'

for (const [name, { since, config, feature }] of Object.entries(hooks) as [Hook, HookDefinition][]) {
  kernelTest(`whether the kernel has the hook ${name}`, ['every kernel'], t => {
    const answer = haveHook(name)
    const old = !isAtLeast(since)
    if (old) t.not(answer, 'yes')
    // What this kernel was built without it lacks at any version.
    else if (config === undefined && feature === undefined) t.not(answer, 'unknown')
    t.is(haveHook(name), answer)
  })
}

kernelTest('the hooks that the tests of every kernel attach to are there', [], t => {
  for (const hook of [
    'tracepoint',
    'raw_tracepoint',
    'tp_btf',
    'iter',
    'xdp',
    'cgroup',
    'sk_lookup',
  ] as const) {
    t.is(haveHook(hook), 'yes', hook)
  }
})

kernelTest('an unknown hook is refused with those that are known', [], t => {
  t.throws(() => haveHook('kprobee' as Hook), {
    instanceOf: RangeError,
    message: /^Unknown hook "kprobee"; did you mean kprobe\?$/,
  })
})
