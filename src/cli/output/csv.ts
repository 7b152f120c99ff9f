/**
 * Comma-separated values, by RFC 4180 with line feeds between the records, as most tools write them.
 *
 * @module
 */

import { printable } from '../../base/index.ts'

/** One record, without the line break behind it. Control characters in fields are escaped, line breaks too. */
export function csvRecord(fields: readonly (string | number | bigint)[]): string {
  return fields.map(field => quoted(printable(String(field)))).join(',')
}

function quoted(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
