// Figures and times, for people.

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1610612736 is "1.5 GiB". */
export function bytes(value: number): string {
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < binary.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${figure(value)} ${binary[unit]}`;
}

/** Three digits at most, unless there are more before the point. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

export function bytesPerSecond(value: number): string {
  return `${bytes(value)}/s`;
}

/** A share, 0 to 1. */
export function percent(share: number): string {
  return `${figure(Math.round(share * 1000) / 10)} %`;
}

/** How long ago: "now", "12 s", "3 min", "5 h", "2 d". */
export function age(time: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 2) return "now";
  if (seconds < 100) return `${Math.floor(seconds)} s`;
  if (seconds < 6000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function clock(time: string): string {
  return new Date(time).toLocaleTimeString([], { hour12: false });
}

export function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`;
}
