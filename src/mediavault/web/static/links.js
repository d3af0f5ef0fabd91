// What pasted text is: the links in it, and the parts in which it can be sent.

const PART_CHARS = 48_000; // of an encoded request; the vault accepts 64 KB
const PART_LINES = 400;
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/gi;

// A sentence's punctuation does not belong to the link; nor does a bracket that the link does not open.
function withoutTail(link) {
  while (/[)\]},;.!\u2026\u201d\u201c\u00bb]$/.test(link) && !(link.endsWith(")") && link.includes("("))) link = link.slice(0, -1);
  return link;
}

export const linksIn = (text) => (text.match(LINK) ?? []).map(withoutTail);
export const isOnlyLinks = (text) => text.split(/\s+/).filter(Boolean).every((word) => /^https?:\/\/\S+$/i.test(word));
// Whether nothing is lost when only the links are kept.
export const hasOnlyLinesWithLinks = (text) => text.split("\n").filter((line) => line.trim()).every((line) => linksIn(line).length);
export const isField = (element) => element instanceof Element && element.closest("input, textarea, select, [contenteditable]");

// Splits a text into parts that fit into one request.
export function parts(text) {
  if (encodeURIComponent(text).length <= PART_CHARS) return [text];
  const lines = linksIn(text);
  const found = [];
  let part = [];
  let length = 0;
  for (const line of lines) {
    const more = encodeURIComponent(line).length + 3;
    if (part.length && (length + more > PART_CHARS || part.length >= PART_LINES)) {
      found.push(part.join("\n"));
      [part, length] = [[], 0];
    }
    part.push(line);
    length += more;
  }
  return part.length ? [...found, part.join("\n")] : found;
}
