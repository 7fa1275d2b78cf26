import type { StoredType } from "./stored.ts";

/**
 * Types in which a cache can hold keys and values: float32, float16 (at most
 * 65,504 either way), or integers of 8 bits with one float32 scale per vector of `headDim`, `x = scale
 * · q` with `scale = max |x| / 127`. Keys of type `int8` are turned by an
 * orthogonal matrix first, which spreads their outliers and changes no
 * product with queries turned alike: Hadamard's, of the largest power of two
 * that divides `headDim`, over the square root of its size (arXiv 2404.00456).
 */
export type CacheType = "f32" | "f16" | "int8";

/** Types of a tensor's elements; only those of 4 bytes are read and written. */
export type DType = CacheType | "i32";

/**
 * A block of a backend's memory with a shape.
 *
 * All dimensions but the first are contiguous; consecutive entries of the
 * first lie `stride` elements apart, so that the heads of a fused projection
 * can be a tensor of their own.
 */
export interface Tensor {
  /** Type of its elements. */
  readonly dtype: DType;
  /** Outermost first. */
  readonly shape: readonly number[];
  /** Elements from one entry of the first dimension to the next. */
  readonly stride: number;
}

/** A matrix of a model, kept in the backend's own order of its stored form. */
export interface Weight {
  /** Outputs. */
  readonly rows: number;
  /** Inputs. */
  readonly columns: number;
  /** Runs of rows that share a stored type, from the first row on. */
  readonly parts: readonly WeightPart[];
  /** Bytes it takes in the backend. */
  readonly bytes: number;
}

/** Some consecutive rows of a {@linkcode Weight}. */
export interface WeightPart {
  /** Form in which its numbers are stored. */
  readonly type: StoredType;
  /** How many. */
  readonly rows: number;
}
