/** Lines over a logarithmic axis, as SVG that can be read on a light and on a dark page. */

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  /** The last one lies above the others, and has the first colour. */
  readonly lines: readonly Line[];
}

const WIDTH = 720;
const HEIGHT = 380;
const LEFT = 56;
const RIGHT = 110;
const TOP = 64;
const BOTTOM = 52;
/** Between two names at the lines' ends. */
const APART = 16;
const TICKS = 5;
const COLOURS = 4;

const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #57606a; }
    .title { font-size: 15px; font-weight: 600; fill: #1f2328; }
    .grid { stroke: #d0d7de; }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .c0 { --own: #cf222e; } .c1 { --own: #0969da; } .c2 { --own: #1a7f37; } .c3 { --own: #8250df; }
    .line { stroke: var(--own); } .dot, .name { fill: var(--own); } .name { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1; } .title { fill: #f0f6fc; } .grid { stroke: #3d444d; }
      .c0 { --own: #ff7b72; } .c1 { --own: #58a6ff; } .c2 { --own: #3fb950; } .c3 { --own: #bc8cff; }
    }`;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const text = (x: number, y: number, words: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more && ` ${more}`}>${escaped(words)}</text>`;
const CENTRED = 'text-anchor="middle"';
const TO_THE_RIGHT = 'text-anchor="end"';

/** A round number that, some times over, reaches `most`. */
function stepFor(most: number): number {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 2.5, 5, 10].find((step) => step * power >= rough)!;
}

/** Moves names apart that would lie upon each other. */
function spread(wanted: readonly number[]): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  for (const [place, index] of order.entries()) {
    const above = order[place - 1];
    if (above !== undefined) placed[index] = Math.max(placed[index]!, placed[above]! + APART);
  }
  return placed;
}

export function svgOf({ title, xName, yName, lines }: Plot): string {
  const all = lines.flatMap(({ points }) => points);
  const sizes = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const [low, high] = [Math.log(sizes[0]!), Math.log(sizes.at(-1)!)];
  const step = stepFor(Math.max(...all.map(([, y]) => y)) * 1.05);
  const top = step * Math.ceil((Math.max(...all.map(([, y]) => y)) * 1.05) / step);
  const atX = (x: number): number =>
    LEFT + ((Math.log(x) - low) / (high - low || 1)) * (WIDTH - LEFT - RIGHT);
  const atY = (y: number): number => HEIGHT - BOTTOM - (y / top) * (HEIGHT - TOP - BOTTOM);

  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  const across = ticks.map((tick) => {
    const y = atY(tick);
    const grid = `<path class="grid" d="M${LEFT} ${y.toFixed(1)}H${WIDTH - RIGHT}"/>`;
    return grid + text(LEFT - 8, y + 4, String(Number(tick.toPrecision(3))), TO_THE_RIGHT);
  });
  const names = spread(lines.map(({ points }) => atY(points.at(-1)![1])));
  const drawn = lines.map(({ name, points }, index) => {
    const places = points.map(([x, y]) => `${atX(x).toFixed(1)} ${atY(y).toFixed(1)}`);
    const dots = points.map(
      ([x, y]) =>
        `<circle class="dot" cx="${atX(x).toFixed(1)}" cy="${atY(y).toFixed(1)}" r="3"><title>${escaped(name)}, ${x.toLocaleString("en")} ${escaped(xName)}: ${y.toPrecision(3)}</title></circle>`,
    );
    const label = text(WIDTH - RIGHT + 10, names[index]! + 4, name, 'class="name"');
    return `<g class="c${(lines.length - 1 - index) % COLOURS}"><path class="line" d="M${places.join("L")}"/>${dots.join("")}${label}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
  <style>${STYLE}
  </style>
  ${text(16, 24, title, 'class="title"')}
  ${text(16, 46, yName)}
  ${across.join("\n  ")}
  ${sizes.map((x) => text(atX(x), HEIGHT - BOTTOM + 20, x.toLocaleString("en"), CENTRED)).join("\n  ")}
  ${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, xName, CENTRED)}
  ${drawn.join("\n  ")}
</svg>
`;
}
