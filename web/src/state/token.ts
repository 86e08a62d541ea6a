// The token lives as long as the tab does; it can come in the address, behind "#token=", which no
// server gets to see.

const place = "orrery.token";

export function keepToken(token: string): void {
  sessionStorage.setItem(place, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(place);
}

export function keptToken(): string | null {
  const given = /^#token=([\w.~-]+)$/.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, "", location.pathname);
    return given;
  }
  return sessionStorage.getItem(place);
}
