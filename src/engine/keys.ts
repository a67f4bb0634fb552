import { randomUUID } from "node:crypto";

/** A key under which the store recognises one act when it is repeated. */
export const newKey = (): string => randomUUID();
