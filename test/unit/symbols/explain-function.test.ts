import test from 'ava'
import { explainByFacts, type FunctionFacts } from '../../../src/symbols/explain-function.ts'

const ordinary: FunctionFacts = {
  modules: [undefined],
  variants: [],
  similar: undefined,
  blacklisted: false,
  traceable: true,
}

test('nothing is in the way of an ordinary function', t => {
  t.is(explainByFacts('f', 'kprobe', ordinary), undefined)
  t.is(explainByFacts('f', 'kprobe_multi', ordinary), undefined)
  t.is(explainByFacts('f', 'kprobe_multi', { ...ordinary, traceable: undefined }), undefined)
})

test('a function that does not exist', t => {
  t.is(
    explainByFacts('m:f', 'kprobe', { ...ordinary, modules: [], traceable: false }),
    'the kernel has no symbol m:f: no such function exists, or the compiler inlined it everywhere, or its module is not loaded',
  )
})

test('no function is called missing when symbols cannot be read', t => {
  const unread = { ...ordinary, modules: undefined }
  for (const kind of ['kprobe', 'kprobe_multi', 'fentry'] as const)
    t.is(explainByFacts('vfs_read', kind, unread), undefined)
  t.regex(explainByFacts('vfs_read', 'kprobe', { ...unread, blacklisted: true }) ?? '', /blacklist/)
})

test('a mistyped function names the one that is most like it', t => {
  t.is(
    explainByFacts('vfs_raed', 'kprobe', { ...ordinary, modules: [], similar: 'vfs_read' }),
    'the kernel has no symbol vfs_raed: no such function exists, or the compiler inlined it everywhere, or its module is not loaded; did you mean vfs_read?',
  )
})

test('a function that the compiler made others of names the first five', t => {
  const variants = ['f.cold', 'f.isra.0', 'f.part.0', 'f.part.1', 'f.constprop.0', 'f.constprop.1']
  t.is(
    explainByFacts('f', 'kprobe', { ...ordinary, modules: [], variants }),
    'the kernel has no symbol f: the compiler inlined it or made other functions of it: f.cold, f.isra.0, f.part.0, f.part.1, f.constprop.0',
  )
})

for (const [kind, advice] of [
  ['kprobe', 'give an address, or MODULE:NAME where that distinguishes them'],
  ['kprobe_multi', 'give addresses'],
  ['fentry', 'give MODULE:NAME where that distinguishes them; types do not'],
] as const) {
  test(`a name of several functions says where they are, and what ${kind} takes instead`, t => {
    t.is(
      explainByFacts('f', kind, { ...ordinary, modules: [undefined, 'usbcore'] }),
      `2 functions are called f (in the kernel itself, usbcore): ${advice}`,
    )
  })
}

test('the blacklist of kprobes does not concern ftrace', t => {
  const facts = { ...ordinary, blacklisted: true }
  t.is(explainByFacts('f', 'kprobe', facts), "f is on the kernel's kprobe blacklist (NOKPROBE_SYMBOL)")
  t.is(explainByFacts('f', 'kprobe_multi', facts), undefined)
})

test('a function that ftrace leaves alone', t => {
  const reason = 'f cannot be traced: it is marked notrace, or in a section that ftrace leaves alone'
  const facts = { ...ordinary, traceable: false }
  t.is(explainByFacts('f', 'kprobe_multi', facts), reason)
  t.is(explainByFacts('f', 'kprobe', facts), reason)
})
