/**
 * Globs: `*` stands for any text, `?` for one character.
 *
 * Source: libbpf `glob_match`.
 *
 * @module
 */

const STAR = 0x2a
const QUESTION = 0x3f

/**
 * Whether a glob matches a whole text. It takes as many steps as the text has characters times those of the glob at most:
 * after a later `*` matches, an earlier one never has to take more.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0
  let star = -1
  let retry = 0
  for (let i = 0; i < text.length; ) {
    const code = at < glob.length ? glob.charCodeAt(at) : -1
    if (code === STAR) {
      star = at++
      retry = i
    } else if (code === QUESTION || code === text.charCodeAt(i)) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++retry
    } else return false
  }
  while (glob.charCodeAt(at) === STAR) at++
  return at === glob.length
}
