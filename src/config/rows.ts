import type { z } from "zod";
import { declaration } from "./declaration.ts";
import { type About, expectation } from "./setting.ts";

/** One setting, as the declaration has it. */
export interface Row {
  readonly path: readonly string[];
  readonly type: z.ZodType;
  readonly byDefault: unknown;
  readonly expects: string;
  readonly about: About;
}

/** A block, in the order in which the declaration has them. */
export interface BlockRows {
  readonly path: readonly string[];
  readonly description: string;
  readonly rows: readonly Row[];
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
}

const definition = (type: z.ZodType): Definition => type.def as unknown as Definition;

const shapeOfBlock = (type: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined => {
  const { type: kind, innerType } = definition(type);
  return kind === "prefault" && innerType ? definition(innerType).shape : undefined;
};

const rowOf = (path: readonly string[], type: z.ZodType): Row => {
  const about = type.meta() as unknown as About;
  return { path, type, byDefault: definition(type).defaultValue, expects: expectation(type), about };
};

const collect = (path: readonly string[], type: z.ZodType, into: BlockRows[]): void => {
  const shape = shapeOfBlock(type) ?? {};
  const rows: Row[] = [];
  const nested: [string[], z.ZodType][] = [];
  for (const [key, inner] of Object.entries(shape)) {
    if (shapeOfBlock(inner)) nested.push([[...path, key], inner]);
    else rows.push(rowOf([...path, key], inner));
  }
  if (rows.length > 0) into.push({ path, description: type.meta()?.description ?? "", rows });
  for (const [inner, block] of nested) collect(inner, block, into);
};

/** The declaration as a list of blocks: what the reference, the environment and refusals are made from. */
export const blocks: readonly BlockRows[] = (() => {
  const found: BlockRows[] = [];
  for (const [key, type] of Object.entries(declaration.shape)) collect([key], type, found);
  return found;
})();

export const rows: readonly Row[] = blocks.flatMap((block) => block.rows);

/** Keys known at a path; undefined when the path is not a block. */
export const keysAt = (path: readonly PropertyKey[]): readonly string[] | undefined => {
  let shape: Readonly<Record<string, z.ZodType>> | undefined = declaration.shape;
  for (const key of path) {
    const inner: z.ZodType | undefined = shape?.[String(key)];
    shape = inner && shapeOfBlock(inner);
  }
  return shape && Object.keys(shape);
};
