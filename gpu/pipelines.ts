import type { Gpu } from "./device.ts";
import { type GpuKernel, sourceOf } from "./kernel.ts";

/** A compiled kernel and how its bindings are laid out. */
export interface GpuPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles every kernel once. */
export class PipelineCache {
  readonly #gpu: Gpu;
  readonly #pipelines = new Map<GpuKernel, GpuPipeline>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Compiles kernels ahead, side by side.
   *
   * @throws {SyntaxError} for WGSL that is wrong, with each message's line.
   */
  async prepare(kernels: readonly GpuKernel[]): Promise<void> {
    await Promise.all(kernels.map(async (kernel) => {
      if (this.#pipelines.has(kernel)) return;
      const { module, code, layout, descriptor } = this.#describe(kernel);
      await refuseErrors(module, kernel, code);
      const { device } = this.#gpu;
      const pipeline = await device.createComputePipelineAsync(descriptor);
      this.#pipelines.set(kernel, { pipeline, layout });
    }));
  }

  /** A kernel, compiled now if it was not; browsers do that in background. */
  get(kernel: GpuKernel): GpuPipeline {
    const found = this.#pipelines.get(kernel);
    if (found) return found;
    const { layout, descriptor } = this.#describe(kernel);
    const pipeline = this.#gpu.device.createComputePipeline(descriptor);
    const made = { pipeline, layout };
    this.#pipelines.set(kernel, made);
    return made;
  }

  #describe(kernel: GpuKernel) {
    const { device, features } = this.#gpu;
    const code = sourceOf(kernel, features);
    const module = device.createShaderModule({ code, label: kernel.name });
    const layout = layoutOf(device, kernel);
    const descriptor: GPUComputePipelineDescriptor = {
      label: kernel.name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    };
    return { module, code, layout, descriptor };
  }
}

async function refuseErrors(
  module: GPUShaderModule,
  kernel: GpuKernel,
  code: string,
): Promise<void> {
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length === 0) return;
  const lines = code.split("\n");
  const described = errors.map(({ lineNum, linePos, message }) =>
    `${lineNum}:${linePos} ${message}: ${lines[lineNum - 1] ?? ""}`
  );
  throw new SyntaxError(
    `Cannot compile kernel ${kernel.name}: ${described.join("; ")}`,
  );
}

function layoutOf(device: GPUDevice, kernel: GpuKernel): GPUBindGroupLayout {
  const visibility = GPUShaderStage.COMPUTE;
  const tensors = Object.values(kernel.tensors);
  const entries: GPUBindGroupLayoutEntry[] = tensors.map((
    { access },
    binding,
  ) => ({
    binding,
    visibility,
    buffer: { type: access === "read" ? "read-only-storage" : "storage" },
  }));
  entries.push({
    binding: tensors.length,
    visibility,
    buffer: { type: "uniform", hasDynamicOffset: true },
  });
  return device.createBindGroupLayout({ label: kernel.name, entries });
}
