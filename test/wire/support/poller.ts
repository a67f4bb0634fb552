import { eventually } from "../../support/eventually.ts";
import { connect, disconnect, handshake, isDelivery, type Message, minted } from "./messages.ts";

/** Takes one unit to the server and brings the answer. */
export type Carry = (unit: readonly Message[]) => Promise<readonly Message[]>;

/** A client that polls, as small as one can be: a connect is always on its way. */
export class Poller {
  readonly clientId: string;
  readonly connectionId: string;
  readonly #carry: Carry;
  readonly #type: string;
  readonly #onDelivery: (message: Message) => void;
  readonly #loop: Promise<void>;
  #over = false;
  #ids = 0;

  private constructor(reply: Message, carry: Carry, type: string, onDelivery: (message: Message) => void) {
    const { clientId, connectionId } = minted(reply);
    this.clientId = clientId;
    this.connectionId = connectionId;
    this.#carry = carry;
    this.#type = type;
    this.#onDelivery = onDelivery;
    this.#loop = this.#poll();
  }

  static async open(carry: Carry, type: string, onDelivery: (message: Message) => void): Promise<Poller> {
    const [reply] = await carry([handshake({ supportedConnectionTypes: [type] })]);
    if (reply?.successful !== true) throw new Error(`no session: ${JSON.stringify(reply)}`);
    return new Poller(reply, carry, type, onDelivery);
  }

  /** Sends one message of this session and resolves with its reply. */
  async send(message: Message): Promise<Message> {
    this.#ids += 1;
    const id = `p${this.#ids}`;
    const answer = await this.#carry([{ ...message, clientId: this.clientId, id }]);
    const reply = this.#take(answer).find((one) => one.id === id);
    if (!reply) throw new Error(`no reply to ${id}: ${JSON.stringify(answer)}`);
    return reply;
  }

  #take(answer: readonly Message[]): Message[] {
    for (const message of answer) if (isDelivery(message)) this.#onDelivery(message);
    return answer.filter((message) => !isDelivery(message));
  }

  async #poll(): Promise<void> {
    while (!this.#over) {
      const [reply] = this.#take(await this.#carry([connect(this.clientId, { connectionType: this.#type })]));
      const advice = reply?.advice as { reconnect: string; interval: number } | undefined;
      if (advice?.reconnect !== "retry") return;
      const until = performance.now() + advice.interval;
      if (advice.interval > 0) await eventually(() => this.#over || performance.now() >= until);
    }
  }

  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#carry([disconnect(this.clientId)]);
    await this.#loop;
  }
}
