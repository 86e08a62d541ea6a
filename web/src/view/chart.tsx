// A chart of the last minutes.
import uPlot from "uplot";
import { useEffect, useRef } from "preact/hooks";

export interface Line {
  label: string;
  color: string;
  values: (number | null)[];
}

interface Props {
  title: string;
  /** Seconds since 1970. */
  times: number[];
  lines: Line[];
  /** A value as text. */
  show: (value: number) => string;
  /** The axis goes up to here at least. */
  top: number;
}

const height = 120;
/** Seconds that are shown, whether there is something to be shown or not. */
const span = 300;

export function Chart({ title, times, lines, show, top }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = [times, ...lines.map((line) => line.values)] as uPlot.AlignedData;

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    plot.current = new uPlot(options(element, lines, show, top), data, element);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    // Its colours are those of the scheme, which it cannot see by itself.
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => plot.current?.redraw();
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [top]);
  useEffect(() => plot.current?.setData(data), [times]);

  return (
    <figure class="chart">
      <figcaption>
        <span class="title">{title}</span>
        {lines.map((line) => (
          <span key={line.label} class="legend">
            <i style={{ background: `var(${line.color})` }} />
            {line.label} <strong>{lastOf(line, show)}</strong>
          </span>
        ))}
      </figcaption>
      <div ref={place} />
    </figure>
  );
}

function lastOf(line: Line, show: (value: number) => string): string {
  const value = line.values.at(-1);
  return value === undefined || value === null ? "—" : show(value);
}

function options(element: HTMLElement, lines: Line[], show: (value: number) => string, top: number): uPlot.Options {
  // A canvas understands no light-dark(): of an element's own colour the browser tells what it comes to.
  const color = (name: string) => () => {
    element.style.color = `var(${name})`;
    return getComputedStyle(element).color;
  };
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui",
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 5 } },
    scales: {
      x: { range: (_plot, _from, to) => [to - span, to] },
      y: { range: (_plot, _from, to) => [0, Math.max(top, to * 1.1)] },
    },
    axes: [
      { ...axis, size: 22, values: (_plot, marks) => marks.map((mark) => clockOf(mark)) },
      { ...axis, size: 68, space: 34, values: (_plot, marks) => marks.map(show) },
    ],
    series: [
      {},
      ...lines.map((line) => ({ label: line.label, stroke: color(line.color), width: 1.5, points: { show: false } })),
    ],
  };
}

function clockOf(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false, hour: "2-digit", minute: "2-digit" });
}
