import type { Backend } from "../kernels/backend.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { CacheArena } from "./arena.ts";
import type { Budget } from "./budget.ts";
import { leastTokens } from "./budget.ts";
import type { KVCache } from "./cache.ts";
import { checkOptions } from "./checks.ts";
import {
  type CacheShape,
  formFor,
  type LayerForm,
  slotBytes,
} from "./layer.ts";
import { claimOf, type MemberOptions, PoolMember } from "./member.ts";
import type { CacheStats, KVCacheOptions } from "./options.ts";
import { gkv } from "./policies/mod.ts";
import type { Policy } from "./policy.ts";
import { divide } from "./shares.ts";
import { WaitingLine } from "./waiting.ts";

/** What a {@linkcode KVPool} is made for. */
export interface KVPoolOptions extends CacheShape {
  /**
   * What all sequences together may hold, those tokens included that come
   * between evictions: bytes, or tokens per layer and head.
   */
  budget: Exclude<Budget, { ratio: number }>;
  /** Eviction method of sequences that name none; `gkv()` by default. */
  policy?: Policy;
  /** How keys and values are stored; `"int8"` by default. */
  dtype?: CacheType;
}

/** What a sequence asks of a pool, and options of its cache. */
export interface JoinOptions extends
  Pick<
    KVCacheOptions,
    "protectPrompt" | "protectShare" | "record" | "boundaryAt" | "reposition"
  > {
  /** Its own eviction method, which keeps no more of a token than the pool's. */
  policy?: Policy;
  /** Size of its share beside the others'; 1. */
  weight?: number;
  /**
   * Tokens that an eviction leaves at least, however many sequences join; by
   * default what its policy cannot do without.
   */
  least?: number;
  /**
   * Called before an eviction that makes room for others: the last occasion
   * for `rollback`.
   */
  settle?: () => void;
  /** What happens when there is no room: an error (the default), or it waits. */
  admit?: "now";
}

/** {@linkcode JoinOptions} of a sequence that waits for room. */
export interface WaitOptions extends Omit<JoinOptions, "admit"> {
  /** It waits. */
  admit: "wait";
  /** Ends the waiting. */
  signal?: AbortSignal;
}

/** Use of a pool. */
export interface PoolStats {
  /** Bytes of the slots in use. */
  bytes: number;
  /** Bytes of all slots: the most that `bytes` can become. */
  budgetBytes: number;
  /**
   * Bytes of intermediate results, of the queries that score, and of the angles
   * that `reposition` needs.
   */
  scratchBytes: number;
  /** Of each sequence, in the order in which they joined. */
  sequences: CacheStats[];
  /** Sequences that wait. */
  waiting: number;
}

/**
 * Many sequences in one budget: an arena that is allocated once, of which each
 * sequence has a share.
 *
 * When one joins, the shares of the others shrink, by weight and never below
 * their least: what they hold beyond that is evicted, by their own policies,
 * and cannot be rolled back. When one leaves, they grow. A fork of a cache in a
 * pool has memory of its own.
 *
 * @example Two conversations share 256 slots
 * ```ts
 * import { gkv, KVPool, openBackend } from "@gkv/gkv";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * using backend = await openBackend();
 * using pool = new KVPool(backend, {
 *   layers: 1, queryHeads: 4, kvHeads: 2, headDim: 32,
 *   budget: { tokens: 256 }, policy: gkv({ window: 8, interval: 16 }),
 * });
 * const first = pool.join();
 * assertEquals(first.slots, 256);
 * {
 *   using second = pool.join({ weight: 3 });
 *   assertEquals([first.slots, second.slots], [64, 192]);
 *   assertThrows(() => pool.join({ least: 250 }), RangeError);
 * }
 * assertEquals(first.slots, 256);
 * ```
 */
export class KVPool implements Disposable {
  /** Sizes it was made with. */
  readonly shape: CacheShape;
  /** Eviction method of sequences that name none. */
  readonly policy: Policy;
  /** How keys and values are stored. */
  readonly dtype: CacheType;
  /** Tokens per head that all sequences together can hold. */
  readonly slots: number;
  /** Where the memory is. */
  readonly backend: Backend;
  readonly #form: LayerForm;
  readonly #slotBytes: number;
  readonly #arena: CacheArena;
  readonly #members: PoolMember[] = [];
  readonly #waiting = new WaitingLine<MemberOptions, KVCache>(
    (options) => this.#isIdle && this.#shares(options) !== undefined,
    (options) => this.#admit(options),
  );
  #disposed = false;

  /**
   * Allocates the arena.
   *
   * @throws {RangeError} when the budget, the policy or a size is out of range,
   * or the backend has not enough memory.
   */
  constructor(backend: Backend, options: KVPoolOptions) {
    const { policy = gkv(), dtype = "int8", budget } = options;
    const { layers, queryHeads, kvHeads, headDim } = options;
    // Whether the text's boundaries are known is a sequence's business.
    checkOptions({ ...options, policy, boundaryAt: () => undefined });
    this.shape = { layers, queryHeads, kvHeads, headDim };
    this.policy = policy;
    this.dtype = dtype;
    this.backend = backend;
    this.#form = formFor(policy, dtype);
    this.#slotBytes = slotBytes(this.shape, this.#form) * layers;
    this.slots = slotsOf(budget, this.#slotBytes, policy);
    this.#arena = new CacheArena(
      backend,
      this.shape,
      this.slots,
      policy,
      this.#form,
    );
  }

  /**
   * Admits a sequence and gives its cache, which is disposed of to leave.
   *
   * @throws {RangeError} when it cannot be admitted; nothing has changed.
   * @throws {TypeError} while another one is in the middle of a step.
   */
  join(options?: JoinOptions): KVCache;
  /**
   * Admits a sequence when there is room. Those that wait are admitted in
   * their order; one that does not is not held up by them.
   *
   * @returns Rejects with the signal's reason when it is aborted before.
   * @throws {RangeError} for more than the whole pool has.
   */
  join(options: WaitOptions): Promise<KVCache>;
  join(options: JoinOptions | WaitOptions = {}): KVCache | Promise<KVCache> {
    if (options.admit === "wait") return this.#wait(options);
    return this.#admit(this.#settled(options));
  }

  /**
   * Gives a sequence's share to the others, as does disposing of its cache.
   *
   * @throws {TypeError} for a cache that is none of the pool's.
   */
  leave(cache: KVCache): void {
    if (!this.#members.some((member) => member.cache === cache)) {
      throw new TypeError(
        "Cannot leave the pool: the cache is not in it, one that it gave is " +
          "needed",
      );
    }
    cache.dispose();
  }

  /** What is used, in all and by each sequence. */
  stats(): PoolStats {
    const sequences = this.#members.map(({ cache }) => cache.stats());
    const own = this.#members.reduce((sum, { ownBytes }) => sum + ownBytes, 0);
    return {
      bytes: sequences.reduce((sum, { bytes }) => sum + bytes, 0),
      budgetBytes: this.slots * this.#slotBytes,
      scratchBytes: this.#arena.scratchBytes + own,
      sequences,
      waiting: this.#waiting.length,
    };
  }

  /**
   * Disposes of all sequences and gives the memory back; those that wait are
   * turned away with a `TypeError`.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#waiting.close(disposed());
    for (const { cache } of [...this.#members]) cache.dispose();
    this.#arena[Symbol.dispose]();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #isIdle(): boolean {
    return this.#members.every(({ isBetweenSteps }) => isBetweenSteps);
  }

  async #wait({ signal, ...options }: WaitOptions): Promise<KVCache> {
    const wanted = this.#settled(options);
    if (!divide(this.slots, [claimOf(wanted)])) throw this.#noRoom(wanted);
    return await this.#waiting.join(wanted, signal);
  }

  /** Options with their defaults. */
  #settled(options: Omit<JoinOptions, "admit">): MemberOptions {
    if (this.#disposed) throw disposed();
    const { policy = this.policy, weight = 1, settle } = options;
    const { least = leastTokens(policy) } = options;
    const { shape, dtype } = this;
    const settled = { ...options, ...shape, policy, dtype, weight, settle };
    checkOptions(settled);
    checkShare(weight, least, leastTokens(policy));
    checkForm(policy, formFor(policy, dtype), this.#form);
    return { ...settled, least };
  }

  #admit(options: MemberOptions): KVCache {
    const shares = this.#shares(options);
    if (!shares) throw this.#noRoom(options);
    this.#checkIdle();
    const member = new PoolMember(
      this.backend,
      this.#arena,
      this.#slotBytes,
      options,
      (member) => this.#release(member),
    );
    try {
      this.#members.forEach((other, i) => other.shrink(shares[i]));
    } catch (error) {
      member.free();
      for (const other of this.#members) other.limit(other.region.slots);
      throw error;
    }
    this.#members.push(member);
    this.#place(shares);
    return member.cache;
  }

  /** Shares of all sequences if one more came; none when there is no room. */
  #shares(options: MemberOptions): number[] | undefined {
    const claims = this.#members.map(({ claim }) => claim);
    return divide(this.slots, [...claims, claimOf(options)]);
  }

  /** Divides what a sequence leaves; takes from no other, so evicts nothing. */
  #release(member: PoolMember): void {
    member.free();
    this.#members.splice(this.#members.indexOf(member), 1);
    if (this.#disposed) return;
    const claims = this.#members.map(({ claim, region }) => ({
      weight: claim.weight,
      least: region.slots,
    }));
    this.#place(divide(this.slots, claims)!);
    this.#waiting.advance();
  }

  /**
   * Puts regions one after the other in the order of their sequences. Of those
   * that go left the first moves first, of the others the last: so none is
   * moved onto another's tokens.
   */
  #place(shares: readonly number[]): void {
    let start = 0;
    const moves = this.#members.map((member, i) => {
      const region = { start, slots: shares[i] };
      start += shares[i];
      return { member, region, isLeft: region.start <= member.region.start };
    });
    const left = moves.filter(({ isLeft }) => isLeft);
    const right = moves.filter(({ isLeft }) => !isLeft).reverse();
    for (const { member, region } of [...left, ...right]) member.place(region);
  }

  #checkIdle(): void {
    if (this.#isIdle) return;
    throw new TypeError(
      "Cannot admit a sequence: another is in the middle of a step, its end " +
        "is needed",
    );
  }

  #noRoom(options: MemberOptions): RangeError {
    const { least } = claimOf(options);
    const others = this.#members.reduce((sum, m) => sum + m.claim.least, 0);
    return new RangeError(
      `Cannot admit a sequence: the ${this.#members.length} others do not go ` +
        `below ${others} of ${this.slots} slots, ${least} more are needed`,
    );
  }
}

function slotsOf(
  budget: KVPoolOptions["budget"],
  slotBytes: number,
  policy: Policy,
): number {
  const slots = "bytes" in budget
    ? Math.floor(budget.bytes / slotBytes)
    : Math.floor(budget.tokens);
  if (!Number.isFinite(slots)) {
    throw new TypeError(
      `Cannot make a pool with budget ${JSON.stringify(budget)}: finite ` +
        `{ bytes } or { tokens } is needed`,
    );
  }
  const { least } = claimOf({ weight: 1, least: 0, policy });
  if (slots >= least) return slots;
  const needed = "bytes" in budget
    ? `${least * slotBytes} bytes`
    : `${least} tokens`;
  throw new RangeError(
    `Cannot make a pool with budget ${JSON.stringify(budget)} and policy ` +
      `${policy.name}: it is too small for one sequence, at least ${needed} ` +
      `is needed`,
  );
}

function checkShare(weight: number, least: number, fewest: number): void {
  if (!(Number.isFinite(weight) && weight > 0)) {
    throw new RangeError(
      `Cannot admit a sequence with weight ${weight}: a number above 0 is needed`,
    );
  }
  if (Number.isInteger(least) && least >= fewest) return;
  throw new RangeError(
    `Cannot admit a sequence with least ${least}: a whole number of tokens ` +
      `from ${fewest} on is needed`,
  );
}

/** Refuses a policy that must know more of a token than the pool keeps. */
function checkForm(policy: Policy, own: LayerForm, kept: LayerForm): void {
  const fields = ["history", "sums", "tally", "squares"] as const;
  const missing = fields.find((field) => own[field] && !kept[field]);
  if (!missing) return;
  throw new RangeError(
    `Cannot admit a sequence with policy ${policy.name}: the pool keeps no ` +
      `${missing} of tokens, one made for such a policy is needed`,
  );
}

function disposed(): TypeError {
  return new TypeError("Cannot use the pool: it was disposed of");
}
