import type { Engine } from "../engine/contract.ts";
import { EngineFailure } from "../engine/contract.ts";
import { type ConnectionRecord, formatRecord, type RecordField } from "./record.ts";

/** What a keeper needs of the session whose record it keeps. */
export interface KeptSession {
  readonly id: string;
  readonly fence: number;
  readonly record: ConnectionRecord;
  /** Another node has claimed it. */
  lost(): void;
  /** Writes the record again if the store has lost it; false when that is not why something was refused. */
  restore(): Promise<boolean>;
  /** Something waits to be written. */
  stir(): void;
}

/** Keeps what the store has of a connection equal to the record, under the fence of the node that serves it. */
export class Keeper {
  readonly #engine: Engine;
  readonly #session: KeptSession;
  /** Few, and each once. */
  #unwritten: RecordField[] = [];
  #acts = 0;

  constructor(engine: Engine, session: KeptSession) {
    this.#engine = engine;
    this.#session = session;
  }

  /** Numbers what is done to this connection under this fence, so that a late duplicate undoes nothing. */
  act(): number {
    this.#acts += 1;
    return this.#acts;
  }

  /**
   * Changes the record and writes that down, with whatever was left for later. What cannot be written is taken back: whoever
   * asks again, here or elsewhere, finds it not done. Rejects with an EngineFailure.
   */
  amend(change: Partial<ConnectionRecord>): Promise<void> {
    return this.#amend(change, Object.keys(change) as RecordField[]);
  }

  async #amend(change: Partial<ConnectionRecord>, fields: readonly RecordField[]): Promise<void> {
    const { record } = this.#session;
    const changed = Object.keys(change) as RecordField[];
    const before = Object.fromEntries(changed.map((field) => [field, record[field]]));
    Object.assign(record, change);
    try {
      await this.write(...fields);
    } catch (failed) {
      Object.assign(record, before);
      throw failed;
    }
  }

  /** Writes these fields as they are and whatever was left for later. Rejects with an EngineFailure. */
  async write(...fields: RecordField[]): Promise<void> {
    const later = this.#unwritten;
    this.#unwritten = [];
    const { record } = this.#session;
    const part = Object.fromEntries([...fields, ...later].map((field) => [field, record[field]]));
    try {
      await this.#put(part);
    } catch (failed) {
      this.later(...later);
      this.judge(failed);
      throw failed;
    }
  }

  /** Writes the whole record, with a change that is taken back if that fails. Rejects with an EngineFailure. */
  rewrite(change: Partial<ConnectionRecord>): Promise<void> {
    return this.#amend(change, Object.keys(this.#session.record) as RecordField[]);
  }

  /** Has these fields written with the next write, a second from now at the latest. */
  later(...fields: RecordField[]): void {
    for (const field of fields) if (!this.#unwritten.includes(field)) this.#unwritten.push(field);
    this.#session.stir();
  }

  /** Whether anything was left for later. */
  get unwritten(): boolean {
    return this.#unwritten.length > 0;
  }

  /** Writes what was left for later. */
  async flush(): Promise<void> {
    if (this.unwritten) await this.write();
  }

  /** A fenced operation means that another node has it. */
  judge(failed: unknown): void {
    if (isFenced(failed)) this.#session.lost();
  }

  async #put(part: Partial<ConnectionRecord>): Promise<void> {
    const { id, fence } = this.#session;
    const put = (): Promise<void> => this.#engine.writeConnection(id, fence, formatRecord(part), this.act());
    try {
      await put();
    } catch (failed) {
      if (!isFenced(failed) || !(await this.#session.restore())) throw failed;
      await put();
    }
  }
}

const isFenced = (failed: unknown): boolean => failed instanceof EngineFailure && failed.outcome === "fenced";
