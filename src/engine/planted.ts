import { type Engine, EngineFailure } from "./contract.ts";
import { intercept } from "./intercept.ts";

/**
 * Engines that break one promise each. A check that stays green on one of them checks nothing: they exist to prove
 * that the checks can fail.
 */

/** Above every real fence, so that nothing is ever older. */
const ABOVE_ALL = 2 ** 40;
let acts = 0;
/** In one order for all engines, in other processes too: with equal fences the acts would order the nodes again. */
function nextAct(): number {
  acts = Math.max(acts + 1, Date.now() * 1000);
  return acts;
}

/** Whatever a former owner still does takes effect as well. */
export function withoutFences(inner: Engine): Engine {
  const fence = ABOVE_ALL;
  const under = async (
    id: string,
    act: (standing: number) => Promise<void>,
    asked: number,
  ): Promise<void> => {
    try {
      await act(asked);
    } catch (failure) {
      const standing = isFenced(failure) ? await inner.readConnection(id) : null;
      if (standing === null) throw failure;
      await act(standing.fence);
    }
  };
  return {
    ...passing(inner),
    async claimConnection(id, expect, fields) {
      const claim = await inner.claimConnection(id, expect, fields);
      return claim.outcome === "moved" ? inner.claimConnection(id, claim.state.fence, fields) : claim;
    },
    writeConnection: (id, asked, fields, act) =>
      under(id, (standing) => inner.writeConnection(id, standing, fields, act), asked),
    removeConnection: (id, asked) => under(id, (standing) => inner.removeConnection(id, standing), asked),
    append: (topic, entry) =>
      inner.append(
        topic,
        entry.publisher ? { ...entry, publisher: { ...entry.publisher, fence, act: nextAct() } } : entry,
      ),
    join: (topic, join) => inner.join(topic, { ...join, fence, act: nextAct() }),
    leave: (topic, leave) => inner.leave(topic, { ...leave, fence, act: nextAct() }),
    updateMember: (topic, id, _fence, info) => inner.updateMember(topic, id, fence, info, nextAct()),
    holdLine: (topic, hold) => inner.holdLine(topic, { ...hold, fence, act: nextAct() }),
    releaseLine: (topic, holder) => inner.releaseLine(topic, holder, fence, nextAct()),
  };
}

/** An append done twice is stored twice. */
export function withoutDeduplication(inner: Engine): Engine {
  return {
    ...passing(inner),
    append(topic, entry) {
      if (!entry.publisher) return inner.append(topic, entry);
      const { id, fence } = entry.publisher;
      return inner.append(topic, { ...entry, publisher: { id, fence } });
    },
  };
}

/** What is missing is not told: every reading claims to continue where it was asked to. */
export function withoutGaps(inner: Engine): Engine {
  return {
    ...passing(inner),
    async read(topic, after, limit) {
      const reading = await inner.read(topic, after, limit);
      return { ...reading, from: { ...after, epoch: reading.epoch }, missed: 0 };
    },
  };
}

function passing(inner: Engine): Engine {
  return intercept(inner, (_operation, run) => run());
}

function isFenced(failure: unknown): boolean {
  return failure instanceof EngineFailure && failure.outcome === "fenced";
}
