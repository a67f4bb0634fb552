/** From the body or the query of a request to a unit (cases 20-35, 127-132). Undefined is a 400. */
import { isUtf8 } from "node:buffer";
import { joinUnits, parseUnit, type UnitLimits } from "../bayeux/index.ts";

/** JSON by its label, or by its first character: what curl sends is labelled as a form. */
export function unitOfBody(
  body: Buffer,
  contentType: string | undefined,
  limits: UnitLimits,
): readonly unknown[] | undefined {
  if (!isUtf8(body)) return undefined;
  const text = body.toString("utf8");
  if (isJson(contentType) || looksLikeJson(text)) return unitOfText(text, limits);
  return unitOfForm(text, limits);
}

/** Faye's cross-origin transport sends a form labelled `text/plain`, so the label does not matter (rule 14). */
export function unitOfForm(text: string, limits: UnitLimits): readonly unknown[] | undefined {
  const units: (readonly unknown[])[] = [];
  // Bayeux 6.4: several parameters, each a message or an array of them (case 128).
  for (const message of new URLSearchParams(text).getAll("message")) {
    const unit = unitOfText(message, limits);
    if (unit === undefined) return undefined;
    units.push(unit);
  }
  if (units.length === 0) return undefined;
  return units.length === 1 ? units[0] : joinUnits(units, limits);
}

/** `application/json` in any case and with any parameters (case 127): the one label no cross-site form can carry. */
export function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*application\/json\s*(?:;|$)/i.test(contentType);
}

function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

function unitOfText(text: string, limits: UnitLimits): readonly unknown[] | undefined {
  const parsed = parseUnit(text, limits);
  return parsed.ok ? parsed.unit : undefined;
}
