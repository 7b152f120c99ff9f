/**
 * The page of a flame graph: draws what can be seen of it on a canvas, and follows pointer and keyboard. `npm run generate`
 * makes one script of this and what it imports, which `src/charts/flame/html.ts` puts into the page.
 *
 * @module
 */

import { amount, grouped, share } from '../../src/charts/flame/amount.ts'
import type { FlameData } from '../../src/charts/flame/data.ts'
import { colourOf, KIND_NAMES, shadeOf } from '../../src/charts/flame/palette.ts'
import { FlameModel, type Found, searchPattern } from './model.ts'

const ROW_HEIGHT = 18
const FONT = '12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'
/** Narrowest box that is drawn, in pixels. */
const LEAST = 0.1

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E
const data = JSON.parse(byId('data').textContent!) as FlameData
const model = new FlameModel(data)
const canvas = byId<HTMLCanvasElement>('canvas')
const scroller = byId('scroller')
const sizer = byId('sizer')
const tooltip = byId('tooltip')
const details = byId('details')
const search = byId<HTMLInputElement>('search')
const found = byId('found')
const context = canvas.getContext('2d')!
const dark = matchMedia('(prefers-color-scheme: dark)')

let isFlame = data.orientation === 'flame'
let selected = 0
let hovered = -1
let result: Found | undefined
let width = 0
let height = 0
let frame = 0

context.font = FONT
const characterWidth = context.measureText('mmmmmmmmmm').width / 10

/** Top of a row in the whole picture. */
function topOf(row: number): number {
  return (isFlame ? rowsHeight() / ROW_HEIGHT - 1 - row : row) * ROW_HEIGHT
}

/** Height of the whole picture: at least that of the window, so that a flame stands at the bottom. */
function rowsHeight(): number {
  return Math.max(model.rows, isFlame ? Math.floor(height / ROW_HEIGHT) : 0) * ROW_HEIGHT
}

function redraw(): void {
  cancelAnimationFrame(frame)
  frame = requestAnimationFrame(draw)
}

function draw(): void {
  const colours = getComputedStyle(document.documentElement)
  const css = (name: string): string => colours.getPropertyValue(name)
  const [text, allFill, ground, mark, match] = ['--text', '--all', '--ground', '--mark', '--match'].map(css)
  const top = scroller.scrollTop
  const isDark = dark.matches
  const rowAt = (y: number): number =>
    isFlame ? rowsHeight() / ROW_HEIGHT - 1 - Math.floor(y / ROW_HEIGHT) : Math.floor(y / ROW_HEIGHT)
  const [one, other] = [rowAt(top), rowAt(top + height)]
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
  context.fillStyle = ground!
  context.fillRect(0, 0, width, height)
  context.font = FONT
  context.textBaseline = 'middle'
  for (const { node, row, from, to } of model.boxes(
    Math.min(one, other),
    Math.max(one, other),
    LEAST / width,
  )) {
    const [x, y, wide] = [from * width, topOf(row) - top, (to - from) * width]
    const kind = model.kind(node)
    const isMatch = result?.matches(node) === true
    const isAbove = node !== model.zoomed && model.contains(node, model.zoomed)
    context.globalAlpha = isAbove || (result !== undefined && !isMatch) ? 0.45 : 1
    context.fillStyle = isMatch
      ? match!
      : kind === undefined
        ? allFill!
        : colourOf(kind, shadeOf(model.name(node)), isDark)
    context.fillRect(x, y, Math.max(wide - (wide > 3 ? 1 : 0), 0.3), ROW_HEIGHT - 1)
    context.globalAlpha = 1
    const label = labelFor(model.name(node), wide - 6)
    if (label !== '') {
      context.fillStyle = text!
      context.fillText(label, x + 3, y + ROW_HEIGHT / 2)
    }
    if (node === hovered || (node === selected && document.activeElement === scroller)) {
      context.strokeStyle = mark!
      context.lineWidth = node === selected ? 2 : 1
      context.strokeRect(x + 1, y + 1, Math.max(wide - 3, 1), ROW_HEIGHT - 3)
    }
  }
}

/** As much of a name as fits; `''` when fewer than three characters do. */
function labelFor(name: string, room: number): string {
  const fits = Math.floor(room / characterWidth)
  if (fits < 3) return ''
  if (/^[ -~]*$/.test(name)) return name.length <= fits ? name : `${name.slice(0, fits - 1)}…`
  if (context.measureText(name).width <= room) return name
  let text = ''
  for (const character of name) {
    if (context.measureText(`${text + character}…`).width > room) break
    text += character
  }
  return text === '' ? '' : `${text}…`
}

/** What is known of a node, line by line. */
function linesOf(node: number): string[] {
  const [count, parent] = [model.count(node), model.parent(node)]
  const place = model.place(node)
  const kind = model.kind(node)
  return [
    model.name(node),
    ...(place === '' ? [] : [place]),
    `${amount(count, data.unit)}, ${share(count, data.total)} of all` +
      (parent > 0
        ? `, ${share(count, model.count(parent))} of ${data.inverted ? 'the callee' : 'the caller'}`
        : '') +
      (model.zoomed > 0 && model.contains(model.zoomed, node)
        ? `, ${share(count, model.count(model.zoomed))} of the view`
        : ''),
    ...(node === 0 || data.inverted ? [] : [`${amount(model.self(node), data.unit)} in the function itself`]),
    ...(kind === undefined ? [] : [KIND_NAMES[kind]]),
  ]
}

function describe(node: number): void {
  details.textContent = node < 0 ? '' : linesOf(node).join(' · ')
}

function showTooltip(x: number, y: number): void {
  tooltip.hidden = hovered < 0
  if (hovered < 0) return
  tooltip.replaceChildren(
    ...linesOf(hovered).map((line, i) => {
      const element = document.createElement(i === 0 ? 'strong' : 'div')
      element.textContent = line
      return element
    }),
  )
  const { offsetWidth, offsetHeight } = tooltip
  tooltip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - offsetWidth - 8))}px`
  tooltip.style.top = `${y + 18 + offsetHeight > innerHeight ? Math.max(4, y - offsetHeight - 10) : y + 18}px`
}

function hover(node: number, x: number, y: number): void {
  const isOther = node !== hovered
  hovered = node
  if (isOther || node >= 0) showTooltip(x, y)
  if (!isOther) return
  describe(node < 0 ? selected : node)
  canvas.style.cursor = node < 0 ? 'default' : 'pointer'
  redraw()
}

function select(node: number): void {
  if (node < 0) return
  selected = node
  describe(node)
  const y = topOf(model.row(node))
  if (y < scroller.scrollTop) scroller.scrollTop = y
  else if (y + ROW_HEIGHT > scroller.scrollTop + height) scroller.scrollTop = y + ROW_HEIGHT - height
  redraw()
}

function show(node: number): void {
  model.zoom(node)
  byId<HTMLButtonElement>('reset').disabled = node === 0
  hover(-1, 0, 0)
  select(node)
}

/** Zooms so that the browser's way back leads to where one was. */
function zoom(node: number): void {
  if (node === model.zoomed) return
  try {
    history.pushState({ node }, '')
  } catch {
    // A page in a frame of another origin has no history.
  }
  show(node)
}

function find(): void {
  const text = search.value
  const pattern = text === '' ? undefined : searchPattern(text)
  const isWrong = text !== '' && pattern === undefined
  result = pattern === undefined ? undefined : model.search(pattern)
  search.setAttribute('aria-invalid', String(isWrong))
  if (isWrong) found.textContent = 'not a regular expression'
  else if (result === undefined) found.textContent = ''
  else
    found.textContent = `${grouped(result.boxes)} ${result.boxes === 1 ? 'box' : 'boxes'}, ${amount(result.count, data.unit)}, ${share(result.count, data.total)}`
  redraw()
}

/** Selects the next box that matches, so that Enter in the search field walks through them. */
function nextMatch(step: 1 | -1): void {
  if (result === undefined) return
  for (let i = 1; i <= model.length; i++) {
    const node = (selected + step * i + model.length * 2) % model.length
    if (!result.matches(node)) continue
    if (!model.contains(model.zoomed, node)) show(0)
    select(node)
    return
  }
}

function flip(): void {
  isFlame = !isFlame
  resize()
  scroller.scrollTop = isFlame ? scroller.scrollHeight : 0
}

function resize(): void {
  width = scroller.clientWidth
  height = scroller.clientHeight
  canvas.width = Math.max(1, Math.round(width * devicePixelRatio))
  canvas.height = Math.max(1, Math.round(height * devicePixelRatio))
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  sizer.style.height = `${rowsHeight()}px`
  redraw()
}

function nodeAt(event: MouseEvent): number {
  const { left, top } = canvas.getBoundingClientRect()
  const y = event.clientY - top + scroller.scrollTop
  const row = isFlame
    ? rowsHeight() / ROW_HEIGHT - 1 - Math.floor(y / ROW_HEIGHT)
    : Math.floor(y / ROW_HEIGHT)
  return model.at(row, (event.clientX - left) / width)
}

canvas.addEventListener('pointermove', event => hover(nodeAt(event), event.clientX, event.clientY))
canvas.addEventListener('pointerleave', () => hover(-1, 0, 0))
canvas.addEventListener('click', event => {
  const node = nodeAt(event)
  if (node < 0) return
  scroller.focus({ preventScroll: true })
  zoom(node)
})
scroller.addEventListener('scroll', () => {
  hover(-1, 0, 0)
  redraw()
})
scroller.addEventListener('focus', redraw)
scroller.addEventListener('blur', redraw)
addEventListener('popstate', event => show((event.state as { node?: number } | null)?.node ?? 0))
addEventListener('resize', resize)
dark.addEventListener('change', redraw)
search.addEventListener('input', find)
byId('reset').addEventListener('click', () => zoom(0))
byId('flip').addEventListener('click', flip)
byId('help').addEventListener('click', () => byId<HTMLDialogElement>('keys').showModal())

search.addEventListener('keydown', event => {
  if (event.key === 'Enter') nextMatch(event.shiftKey ? -1 : 1)
  else if (event.key === 'Escape') {
    search.value = ''
    find()
    scroller.focus()
  } else return
  event.preventDefault()
  event.stopPropagation()
})

/** Keys outside of the search field. Up and down are those of the picture: towards the root or away from it. */
const keys: Readonly<Record<string, () => void>> = {
  '/': () => search.select(),
  '?': () => byId<HTMLDialogElement>('keys').showModal(),
  Enter: () => zoom(selected),
  Escape: () => {
    if (search.value === '') return zoom(0)
    search.value = ''
    find()
  },
  Backspace: () => history.back(),
  Home: () => select(0),
  ArrowUp: () => select(isFlame ? model.child(selected) : model.parent(selected)),
  ArrowDown: () => select(isFlame ? model.parent(selected) : model.child(selected)),
  ArrowLeft: () => select(model.sibling(selected, -1)),
  ArrowRight: () => select(model.sibling(selected, 1)),
  f: flip,
  n: () => nextMatch(1),
  N: () => nextMatch(-1),
}
addEventListener('keydown', event => {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey
  if (byId<HTMLDialogElement>('keys').open) return
  const isFind = event.key === 'f' && (event.ctrlKey || event.metaKey)
  if (isFind && document.activeElement !== search) search.select()
  else if (isPlain && document.activeElement !== search && keys[event.key] !== undefined && !isButton(event))
    keys[event.key]!()
  else return
  event.preventDefault()
})

/** Enter presses the button that has the focus. */
function isButton(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && event.target instanceof HTMLButtonElement
}

history.replaceState({ node: 0 }, '')
resize()
if (isFlame) scroller.scrollTop = scroller.scrollHeight
describe(0)
