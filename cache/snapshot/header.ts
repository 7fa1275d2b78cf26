import type { CacheType } from "../../kernels/tensors.ts";
import { leastTokens, slackOf } from "../budget.ts";
import type { EvictionProgress } from "../evictor.ts";
import type { CacheLimits } from "../home.ts";
import {
  type CacheShape,
  emptyLayer,
  formFor,
  type LayerForm,
  type Progress,
  slotBytes,
} from "../layer.ts";
import type { RotaryEmbedding } from "../options.ts";
import { needsBoundaries, type Policy } from "../policy.ts";
import { isRevocable, REVOCABLE } from "../rollback.ts";
import { cannotRestore } from "./error.ts";
import { Fields } from "./fields.ts";
import { besideBytes, CACHE_TYPES } from "./layout.ts";
import { describePolicy, restoredPolicy } from "./policy.ts";
import type { RestoreOptions } from "./options.ts";

/** What a snapshot says of a cache beside its numbers. */
export interface Header extends EvictionProgress {
  readonly shape: CacheShape;
  readonly dtype: CacheType;
  readonly policy: Policy;
  readonly limits: CacheLimits;
  readonly reposition: RotaryEmbedding | undefined;
  /** Counters of each layer. */
  readonly layers: readonly Progress[];
}

/** Positions are 32-bit integers. */
const POSITIONS = 2 ** 31 - 1;
/** Most of anything that a model has several of. */
const SIZES = 2 ** 16;
/** Most bytes of a restored cache when nothing is said. */
const BYTES = 2 ** 30;

/** Counters in the order of a header; no token is pending in a snapshot. */
const counters = [
  "cached",
  "seen",
  "generated",
  "remembered",
  "next",
  "revocable",
  "tallied",
  "marked",
] as const;

/** A header as JSON. */
export function headerJson(
  header: Header,
  fingerprint: string | undefined,
): Record<string, unknown> {
  const { shape, dtype, policy, limits, reposition, schedule } = header;
  return {
    kind: "cache",
    fingerprint,
    ...shape,
    dtype,
    policy: describePolicy(policy),
    ...limits,
    reposition: reposition && {
      pairing: reposition.pairing,
      frequencies: Array.from(reposition.frequencies),
    },
    ...schedule,
    evictions: header.evictions,
    progress: header.layers.map((layer) => counters.map((c) => layer[c])),
  };
}

/**
 * Checks every field of a header.
 *
 * @throws {SnapshotError} for one out of bounds, and for what the caller
 * expects to be otherwise.
 */
export function parseHeader(json: unknown, options: RestoreOptions): Header {
  const fields = new Fields(json);
  fields.oneOf("kind", ["cache"]);
  checkFingerprint(fields, options);
  const shape = parseShape(fields, options);
  const dtype = fields.oneOf("dtype", CACHE_TYPES);
  expect("dtype", dtype, options.dtype);
  const policy = restoredPolicy(fields.object("policy"), options.policy);
  checkBoundaries(policy, options);
  const limits = parseLimits(fields, policy);
  const form = formFor(policy, dtype);
  checkSize(shape, form, limits.slots, options.maxBytes);
  const bounds = { policy, limits, form };
  return {
    shape,
    dtype,
    policy,
    limits,
    reposition: parseReposition(fields, shape.headDim),
    schedule: {
      protected: fields.count("protected", 0, limits.tokens - policy.window),
      isFirstPrompt: fields.flag("isFirstPrompt"),
    },
    evictions: fields.count("evictions", 0, Number.MAX_SAFE_INTEGER),
    layers: parseLayers(fields, shape.layers, bounds),
  };
}

/** Refuses another fingerprint than is wanted; none is wanted by default. */
export function checkFingerprint(
  fields: Fields,
  { fingerprint }: Pick<RestoreOptions, "fingerprint">,
): void {
  const found = fields.optional(
    "fingerprint",
    () => fields.text("fingerprint"),
  );
  expect("fingerprint", found, fingerprint);
}

function expect(name: string, found: unknown, wanted: unknown): void {
  if (wanted === undefined || found === wanted) return;
  throw cannotRestore(`its ${name} is ${found}, ${wanted} is needed`);
}

function parseShape(fields: Fields, options: RestoreOptions): CacheShape {
  const shape = {
    layers: fields.count("layers", 1, SIZES),
    queryHeads: fields.count("queryHeads", 1, SIZES),
    kvHeads: fields.count("kvHeads", 1, SIZES),
    headDim: fields.count("headDim", 4, SIZES),
  };
  const { queryHeads, kvHeads, headDim } = shape;
  if (headDim % 4 || queryHeads % kvHeads) {
    throw cannotRestore(
      `its headDim is ${headDim}, its queryHeads and kvHeads ${queryHeads} and ` +
        `${kvHeads}, multiples of 4 and of kvHeads are needed`,
    );
  }
  for (const size of ["layers", "queryHeads", "kvHeads", "headDim"] as const) {
    expect(size, shape[size], options[size]);
  }
  return shape;
}

function checkBoundaries(policy: Policy, { boundaryAt }: RestoreOptions): void {
  if (boundaryAt || !needsBoundaries(policy)) return;
  throw cannotRestore(
    `its policy ${policy.name} asks for separators or newlines of the text, ` +
      `the option boundaryAt is needed`,
  );
}

function parseLimits(fields: Fields, policy: Policy): CacheLimits {
  const tokens = fields.count("tokens", leastTokens(policy), POSITIONS);
  return {
    tokens,
    slots: fields.count("slots", tokens + slackOf(policy), POSITIONS),
    protectMost: fields.count("protectMost", 0, tokens - policy.window),
  };
}

/** Refuses a cache that would be larger than is wanted, before it is made. */
function checkSize(
  shape: CacheShape,
  form: LayerForm,
  slots: number,
  most = BYTES,
): void {
  const bytes = shape.layers * slotBytes(shape, form) * slots +
    besideBytes(shape, form, slots);
  if (bytes <= most) return;
  throw cannotRestore(
    `its cache takes ${bytes} bytes, ${most} at most are allowed, a larger ` +
      `option maxBytes is needed`,
  );
}

function parseReposition(
  fields: Fields,
  headDim: number,
): RotaryEmbedding | undefined {
  return fields.optional("reposition", () => {
    const reposition = fields.object("reposition");
    return {
      pairing: reposition.oneOf("pairing", ["adjacent", "halves"]),
      frequencies: reposition.numbers("frequencies", headDim / 2),
    };
  });
}

interface Bounds {
  policy: Policy;
  limits: CacheLimits;
  form: LayerForm;
}

function parseLayers(
  fields: Fields,
  layers: number,
  bounds: Bounds,
): Progress[] {
  const entries = fields.array("progress", layers);
  if (entries.length === layers) {
    return entries.map((entry, layer) => parseProgress(entry, layer, bounds));
  }
  throw cannotRestore(
    `its progress is of ${entries.length} layers, ${layers} are needed`,
  );
}

function parseProgress(entry: unknown, layer: number, bounds: Bounds) {
  const values = Array.isArray(entry) ? entry : [];
  const named = counters.map((name, i) => [name, values[i]]);
  const fields = new Fields(Object.fromEntries(named), `layer ${layer} `);
  const { policy, limits, form } = bounds;
  const { window, interval, score } = policy;
  const seen = fields.count("seen", 0, POSITIONS);
  // What is not evicted from holds everything, what is its window at least.
  const least = Math.min(seen, score === "none" ? seen : window);
  const most = Math.min(seen, limits.slots);
  const cached = fields.count("cached", least, most);
  const ring = seen < form.queries ? seen : form.queries - 1;
  const revocable = isRevocable(policy) ? Math.min(cached, REVOCABLE) : 0;
  const tallied = form.tally ? Math.min(cached, window) : 0;
  const older = Math.max(0, cached - window);
  return {
    ...emptyLayer,
    cached,
    seen,
    generated: fields.count("generated", 0, interval - 1),
    remembered: fields.count("remembered", 0, older),
    next: fields.count(
      "next",
      form.queries > seen ? seen : 0,
      Math.max(0, ring),
    ),
    revocable: fields.count("revocable", 0, revocable),
    tallied: fields.count("tallied", 0, tallied),
    marked: fields.count("marked", 0, cached),
  };
}
