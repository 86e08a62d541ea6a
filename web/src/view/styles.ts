// xterm.js makes style elements, which the page's Content-Security-Policy forbids, as it does all
// that is not in one of its files. Style sheets that are made by script are allowed: so whoever
// asks for a style element gets one whose text becomes such a sheet.

export function sheetsInsteadOfStyleElements(): void {
  const create = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name.toLowerCase() === "style" ? sheetElement(create) : create(name, options)) as typeof document.createElement;
}

function sheetElement(create: (name: string) => HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  const element = create("span");
  element.hidden = true;
  let text = "";
  Object.defineProperty(element, "textContent", {
    get: () => text,
    set: (value: string) => {
      text = value;
      sheet.replaceSync(value);
    },
  });
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    remove();
  };
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return element;
}
