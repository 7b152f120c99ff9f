import test from 'ava'
import { flameGraphHtml } from '../../../src/charts/flame/html.ts'
import { flameGraphSvg } from '../../../src/charts/flame/svg.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { chromium, inBrowser } from '../../support/charts/browser.ts'

const inChromium = chromium === undefined ? test.skip : test

const hostile = '</script><img src=x onerror="window.hacked=1">\u001b\u202e'
const stacks: readonly StackCount[] = [
  { frames: ['main', 'work', { name: 'vfs_read', kind: 'kernel', file: 'vmlinux' }], count: 60 },
  { frames: ['main', { name: hostile, kind: 'jit', file: hostile, line: 3 }], count: 30 },
  { frames: ['other'], count: 10 },
]

inChromium('in a browser keys, pointer and search work, and nothing comes from outside', async t => {
  const said = await inBrowser(
    flameGraphHtml(stacks, { title: hostile, notes: [hostile] }),
    `
    await drawn()
    const details = () => byId('details').textContent
    const canvas = byId('canvas')
    // The colour of the row of all stacks, at the bottom, and of the ground above the graph.
    const pixel = y => [...canvas.getContext('2d').getImageData(canvas.width - 40, y, 1, 1).data].join()
    say(pixel(5) !== pixel(canvas.height - 9) || pixel(5) !== pixel(canvas.height - 14))
    say(details())
    byId('scroller').focus()
    key('ArrowUp'); key('ArrowUp')
    say(details())
    key('ArrowRight')
    say(details())
    key('ArrowLeft'); key('Enter')
    say([byId('reset').disabled, details()])
    const { left, top, width, height } = canvas.getBoundingClientRect()
    const point = (type, x, row) => canvas.dispatchEvent(new PointerEvent(type, { clientX: left + x * width, clientY: top + Math.floor(canvas.clientHeight / 18) * 18 - row * 18 - 9, bubbles: true }))
    // Zoomed, the callee is as wide as the caller.
    point('pointermove', 0.9, 3)
    say([byId('tooltip').hidden, byId('tooltip').innerText])
    const isBack = event('popstate')
    history.back()
    await isBack
    say(byId('reset').disabled)
    point('pointermove', 0.8, 2)
    say(byId('tooltip').innerText)
    point('pointermove', 0.95, 3)
    say(byId('tooltip').hidden)
    point('click', 0.95, 1)
    say([byId('reset').disabled, details()])
    key('Escape')
    say(byId('reset').disabled)
    key('/')
    say(document.activeElement === byId('search'))
    const search = text => { byId('search').value = text; byId('search').dispatchEvent(new Event('input')) }
    search('VFS'); say(byId('found').textContent)
    search('vfs|work'); say(byId('found').textContent)
    key('Enter'); say(details())
    search('('); say([byId('found').textContent, byId('search').getAttribute('aria-invalid')])
    key('Escape')
    say([byId('search').value, byId('found').textContent, document.activeElement === byId('scroller')])
    key('f'); key('Home'); key('ArrowDown')
    say(details())
    key('?'); say(byId('keys').open)
    say([performance.getEntriesByType('resource').length, window.hacked ?? 'safe', document.images.length, document.scripts.length])
    `,
  )
  const plain = '</script><img src=x onerror="window.hacked=1">\\x1b\\u202e'
  t.deepEqual(said, [
    true,
    'all · 100 samples, 100.0 % of all',
    'work · 60 samples, 60.0 % of all, 66.7 % of the caller · 0 samples in the function itself · native',
    `${plain} · ${plain}:3 · 30 samples, 30.0 % of all, 33.3 % of the caller · 30 samples in the function itself · compiled at run time`,
    [
      false,
      'work · 60 samples, 60.0 % of all, 66.7 % of the caller, 100.0 % of the view · 0 samples in the function itself · native',
    ],
    [
      false,
      'vfs_read\nvmlinux\n60 samples, 60.0 % of all, 100.0 % of the caller, 100.0 % of the view\n60 samples in the function itself\nkernel',
    ],
    true,
    `${plain}\n${plain}:3\n30 samples, 30.0 % of all, 33.3 % of the caller\n30 samples in the function itself\ncompiled at run time`,
    true,
    [
      false,
      'other · 10 samples, 10.0 % of all, 100.0 % of the view · 10 samples in the function itself · native',
    ],
    true,
    true,
    '0 boxes, 0 samples, 0.00 %',
    '2 boxes, 60 samples, 60.0 %',
    'work · 60 samples, 60.0 % of all, 66.7 % of the caller · 0 samples in the function itself · native',
    ['not a regular expression', 'true'],
    ['', '', true],
    'main · 90 samples, 90.0 % of all · 0 samples in the function itself · native',
    true,
    [0, 'safe', 0, 2],
  ])
})

inChromium('in a browser a picture within a page is drawn, and runs no script', async t => {
  const svg = flameGraphSvg(stacks, { title: hostile, notes: [hostile] })
  const said = await inBrowser(
    `<!doctype html><html><head></head><body>${svg}</body></html>`,
    `
    say([...document.querySelectorAll('rect > title')].map(each => each.textContent))
    say(getComputedStyle(document.querySelector('g.kernel0 rect, g.kernel1 rect, g.kernel2 rect, g.kernel3 rect')).fill !== 'rgb(0, 0, 0)')
    say([window.hacked ?? 'safe', document.images.length])
    `,
  )
  t.deepEqual(said, [
    [
      'all, 100 samples',
      'main, 90 samples, 90.0 %',
      'work, 60 samples, 60.0 %',
      'vfs_read, 60 samples, 60.0 %',
      '</script><img src=x onerror="window.hacked=1">\\x1b\\u202e, 30 samples, 30.0 %',
      'other, 10 samples, 10.0 %',
    ],
    true,
    ['safe', 0],
  ])
})
