/**
 * Flame graphs as one page, which needs nothing from outside: to zoom, search and walk through.
 *
 * @module
 */

import { printableJson } from '../../base/text.ts'
import { xmlText } from '../../base/xml.ts'
import type { StackCount } from '../stacks/stack.ts'
import { stackTree } from '../stacks/tree.ts'
import { amount, grouped } from './amount.ts'
import { type FlameData, flameData } from './data.ts'
import { viewer } from './generated/viewer.ts'
import { type FlameGraphOptions, flameGraphSettings, numberOption } from './options.ts'
import { colourOf, KIND_NAMES } from './palette.ts'

/** Options of {@link flameGraphHtml}. */
export interface FlameGraphHtmlOptions extends FlameGraphOptions {
  /** Boxes that the page holds at most: 200,000 unless given, some 3 MB. The narrowest are left out, and counted. */
  readonly maxBoxes?: number
}

/**
 * Makes one HTML file of stacks. It works without a network, on light and dark ground: a click zooms, the browser's way back
 * and Esc undo that, `/` searches by regular expression, arrow keys walk through the frames, `?` lists the keys.
 *
 * @throws RangeError or TypeError when a count, a frame or an option is not one
 */
export function flameGraphHtml(stacks: Iterable<StackCount>, options: FlameGraphHtmlOptions = {}): string {
  const settings = flameGraphSettings(options)
  const maxBoxes = numberOption('maxBoxes', options.maxBoxes ?? 200_000, 1, Number.MAX_SAFE_INTEGER)
  const data = flameData(stackTree(stacks, settings.inverted), settings, maxBoxes)
  const title = xmlText(settings.title)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<label>Search <input id="search" type="search" placeholder="regular expression" spellcheck="false" autocomplete="off"></label>
<output id="found" for="search"></output>
<span class="buttons"><button id="reset" disabled>Reset zoom</button><button id="flip">Turn upside down</button><button id="help" aria-label="Keys">?</button></span>
</header>
${legend(data)}
<main id="scroller" tabindex="0" role="application" aria-label="Flame graph: arrow keys walk, Enter zooms, ? lists the keys" aria-describedby="details"><div id="sizer"><canvas id="canvas"></canvas></div></main>
<footer>
<div id="details" aria-live="polite"></div>
${notesOf(data)
  .map(note => `<div class="minor">${xmlText(note)}</div>`)
  .join('\n')}
</footer>
<div id="tooltip" role="presentation" hidden></div>
${KEYS}
<noscript>This page draws with JavaScript.</noscript>
<script id="data" type="application/json">${scriptJson(data)}</script>
<script>
${viewer}
</script>
</body>
</html>
`
}

/** JSON for a script element: no text in it can end the element, or begin a comment. */
function scriptJson(value: unknown): string {
  return printableJson(JSON.stringify(value)).replace(
    /[<>&]/g,
    each => `\\u00${each.charCodeAt(0).toString(16)}`,
  )
}

function notesOf({ notes, hidden, nodes, total, unit }: FlameData): string[] {
  const all = [...notes]
  if (total === 0) all.unshift('No stacks.')
  if (hidden.nodes > 0)
    all.push(
      `${grouped(hidden.nodes)} of ${grouped(hidden.nodes + nodes.length / 4)} boxes left out: the widest of them stands for ${amount(hidden.greatest, unit)} of ${amount(total, unit)}`,
    )
  return all
}

/** The kinds of frames, where there are several. */
function legend({ frames, kinds }: FlameData): string {
  const present = kinds.filter((_, number) => frames.some(([, kind]) => kind === number))
  if (present.length < 2) return ''
  const items = present.map(
    kind =>
      `<li><i style="background:light-dark(${colourOf(kind, 1, false)},${colourOf(kind, 1, true)})"></i>${KIND_NAMES[kind]}</li>`,
  )
  return `<ul id="legend">${items.join('')}</ul>`
}

const KEYS = `<dialog id="keys"><h2>Keys</h2><table>
<tr><td>arrow keys</td><td>walk through the frames</td></tr>
<tr><td>Enter, click</td><td>zoom to the frame</td></tr>
<tr><td>Backspace</td><td>back to the last view</td></tr>
<tr><td>Esc</td><td>end the search, then reset the zoom</td></tr>
<tr><td>Home</td><td>select all</td></tr>
<tr><td>/ or Ctrl-F</td><td>search; Enter and n go to the next match, Shift-Enter and N to the one before</td></tr>
<tr><td>f</td><td>turn upside down</td></tr>
<tr><td>?</td><td>this list</td></tr>
</table><p>A search in lower case ignores case.</p><form method="dialog"><button>Close</button></form></dialog>`

const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --text: #1f2328; --minor: #57606a; --all: #d0d7de; --line: #d0d7de; --mark: #1f2328; --match: #e27ae2; --raised: #f6f8fa; --wrong: #cf222e }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --text: #e6edf3; --minor: #9198a1; --all: #3d444d; --line: #3d444d; --mark: #ffffff; --match: #a33ca3; --raised: #151b23; --wrong: #f85149 }
}
* { box-sizing: border-box }
html, body { height: 100% }
body { margin: 0; display: flex; flex-direction: column; background: var(--ground); color: var(--text); font: 13px system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; padding: 8px 12px; border-bottom: 1px solid var(--line) }
h1 { font-size: 16px; margin: 0; overflow-wrap: anywhere }
input { width: 18em; font: inherit; padding: 3px 6px; border: 1px solid var(--line); border-radius: 4px; background: var(--ground); color: inherit }
input[aria-invalid=true] { border-color: var(--wrong); outline-color: var(--wrong) }
#found { color: var(--minor); min-width: 20em }
.buttons { margin-left: auto; display: flex; gap: 6px }
button { font: inherit; padding: 3px 10px; border: 1px solid var(--line); border-radius: 4px; background: var(--raised); color: inherit; cursor: pointer }
button:disabled { color: var(--minor); cursor: default; opacity: .6 }
#legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 0; padding: 6px 12px 0; color: var(--minor) }
#legend i { display: inline-block; width: 12px; height: 12px; margin-right: 5px; vertical-align: -1px; border-radius: 2px }
#scroller { flex: 1; min-height: 120px; overflow: hidden auto; margin: 8px 12px; outline-offset: 3px }
#sizer { min-height: 100% }
#canvas { position: sticky; top: 0; display: block }
footer { padding: 6px 12px 10px; border-top: 1px solid var(--line) }
#details { min-height: 2.6em; line-height: 1.3em; max-height: 5.2em; overflow: auto; overflow-wrap: anywhere }
.minor { color: var(--minor) }
#tooltip { position: fixed; z-index: 1; max-width: min(640px, calc(100vw - 16px)); padding: 6px 9px; background: var(--raised); border: 1px solid var(--line); border-radius: 4px; box-shadow: 0 2px 8px #0004; pointer-events: none; overflow-wrap: anywhere; line-height: 1.4 }
#tooltip strong { font: 600 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
dialog { color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; max-width: 40em }
dialog h2 { font-size: 15px; margin: 0 0 8px }
td { padding: 2px 16px 2px 0; vertical-align: top }
td:first-child { white-space: nowrap; font-weight: 600 }
`
