// How long to wait before something that failed is tried again.

const first = 250;
const longest = 5000;

/** Milliseconds before try ATTEMPT (from 0), between half of the time and all of it: CHANCE, 0 to 1, spreads clients. */
export function backoff(attempt: number, chance: number): number {
  const full = Math.min(longest, first * 2 ** attempt);
  return Math.round(full * (0.5 + chance / 2));
}
