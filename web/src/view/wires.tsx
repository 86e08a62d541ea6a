// Lines on the map, from a device of a machine to its model on a device server.
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { clusterMap } from "../state/session.ts";

/** Both ends of a wire have an element with this attribute and the same value: whose device it is. */
export const wireEnd = (vm: string, device: string) => ({ "data-wire": `${vm}/${device}` });

/** Lies over its parent, which is positioned. */
export function Wires() {
  const svg = useRef<SVGSVGElement>(null);
  const [paths, setPaths] = useState<string[]>([]);
  const map = clusterMap.value;

  useLayoutEffect(() => {
    const parent = svg.current?.parentElement;
    if (!parent) return;
    const draw = () => setPaths(pathsWithin(parent));
    const resized = new ResizeObserver(draw);
    resized.observe(parent);
    draw();
    return () => resized.disconnect();
  }, [map]);

  return (
    <svg ref={svg} class="wires" aria-hidden="true">
      {paths.map((path) => (
        <path key={path} d={path} />
      ))}
    </svg>
  );
}

function pathsWithin(parent: HTMLElement): string[] {
  const origin = parent.getBoundingClientRect();
  const first = new Map<string, DOMRect>();
  const paths: string[] = [];
  for (const element of parent.querySelectorAll<HTMLElement>("[data-wire]")) {
    const name = element.dataset["wire"] ?? "";
    const place = element.getBoundingClientRect();
    const other = first.get(name);
    if (other) paths.push(path(other, place, origin));
    else first.set(name, place);
  }
  return paths;
}

/** From below the device to the near side of its model. */
function path(device: DOMRect, model: DOMRect, origin: DOMRect): string {
  const forth = model.left > device.left ? 1 : -1;
  const ax = (device.left + device.right) / 2 - origin.left;
  const ay = device.bottom - origin.top;
  const bx = (forth > 0 ? model.left : model.right) - origin.left;
  const by = (model.top + model.bottom) / 2 - origin.top;
  const bend = Math.max(24, Math.abs(bx - ax) / 2) * forth;
  return `M${ax} ${ay}C${ax} ${ay + 28} ${bx - bend} ${by} ${bx} ${by}`;
}
