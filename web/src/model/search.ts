// Finding by typing: every word has to be somewhere.

export function matches(wanted: string, texts: string[]): boolean {
  const all = texts.join("\n").toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
