/**
 * Colours of frames: a hue for each kind, in four shades that names choose from, so that neighbours differ and a function
 * has the same colour everywhere. The picture and the viewer share them.
 *
 * @module
 */

import type { FrameKind } from '../stacks/stack.ts'

/** What legends call the kinds. */
export const KIND_NAMES: Readonly<Record<FrameKind, string>> = {
  kernel: 'kernel',
  native: 'native',
  builtin: 'built-in',
  jit: 'compiled at run time',
  interpreted: 'interpreted',
  unknown: 'no name',
}

/** Hue in degrees and saturation in per cent. */
const HUES: Readonly<Record<FrameKind, readonly [hue: number, saturation: number]>> = {
  kernel: [20, 85],
  native: [46, 85],
  builtin: [178, 45],
  jit: [130, 45],
  interpreted: [210, 65],
  unknown: [0, 0],
}

/** Shades of a kind. */
export const SHADES = 4

/** The fill of a shade, as CSS has it; text on it is dark on light ground, light on dark ground. */
export function colourOf(kind: FrameKind, shade: number, isDark: boolean): string {
  const [hue, saturation] = HUES[kind]
  const turned = saturation === 0 ? hue : hue + shade * 3 - 4
  return isDark
    ? `hsl(${turned} ${Math.round(saturation * 0.62)}% ${20 + shade * 3}%)`
    : `hsl(${turned} ${saturation}% ${68 + shade * 4}%)`
}

/** The shade of a name. */
export function shadeOf(name: string): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0
  return ((hash ^ (hash >>> 16)) >>> 0) % SHADES
}
