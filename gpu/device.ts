/** What kernels may use beyond plain WebGPU. */
export interface GpuFeatures {
  /** Reductions across a subgroup: Chromium has them, Deno does not. */
  readonly subgroups: boolean;
  /** Numbers of 16 bits, `shader-f16`: Deno has them, SwiftShader does not. */
  readonly f16: boolean;
}

/** A device and what it can do. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly features: GpuFeatures;
  /** Vendor and architecture, as figures show them. */
  readonly description: string;
  /** Largest part of a buffer that one binding can show, in bytes. */
  readonly maxBinding: number;
  /** Whether dispatches are timed, see {@linkcode GpuOptions.timestamps}. */
  readonly timestamps: boolean;
  /** See {@linkcode Backend.automatic}. */
  readonly automatic: boolean;
}

/** Options of {@linkcode requestGpu}. */
export interface GpuOptions {
  /** Features to do without, so that their replacements can be tested. */
  without?: readonly (keyof GpuFeatures)[] | undefined;
  /** Bytes to take for the largest binding, if fewer than the device's. */
  maxBinding?: number | undefined;
  /** Time every dispatch where the adapter can, which slows them down. */
  timestamps?: boolean | undefined;
  /** Pass over adapters that are software: the CPU itself is faster. */
  hardwareOnly?: boolean | undefined;
  /** Nobody asked for a GPU: see {@linkcode Backend.automatic}. */
  automatic?: boolean | undefined;
}

/** Optional features that are asked for where the adapter has them. */
const wanted = ["subgroups", "shader-f16", "timestamp-query"] as const;

/** Limits that are raised to what the adapter allows. */
const raised = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
] as const;

/** A device of the machine's best adapter, or `null` where there is none. */
export async function requestGpu(
  options: GpuOptions = {},
): Promise<Gpu | null> {
  const { without = [], maxBinding = Infinity, hardwareOnly } = options;
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter || hardwareOnly && isSoftware(adapter.info)) return null;
  const has = (name: string) => adapter.features.has(name as GPUFeatureName);
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter(has) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(
      raised.map((name) => [name, adapter.limits[name]]),
    ),
  });
  const { vendor, architecture, description } = adapter.info;
  return {
    device,
    features: {
      subgroups: has("subgroups") && !without.includes("subgroups"),
      f16: has("shader-f16") && !without.includes("f16"),
    },
    description: description || `${vendor} ${architecture}`.trim(),
    maxBinding: Math.min(
      maxBinding,
      device.limits.maxStorageBufferBindingSize,
    ),
    automatic: options.automatic === true,
    timestamps: options.timestamps === true && has("timestamp-query"),
  };
}

/** Not every browser says that an adapter is a fallback, but all name it. */
function isSoftware(info: GPUAdapterInfo): boolean {
  const { vendor, architecture, description } = info;
  const names = `${vendor} ${architecture} ${description}`;
  return "isFallbackAdapter" in info && info.isFallbackAdapter === true ||
    /llvmpipe|lavapipe|swiftshader|basic render/i.test(names);
}
