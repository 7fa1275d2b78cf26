import proto from "onnx-proto";
import * as ort from "onnxruntime-web";
import type { AttentionCase, AttentionPeer } from "../attention_case.ts";

const { onnx } = proto;
const { FLOAT } = onnx.TensorProto.DataType;
const { FLOAT: FLOAT_ATTRIBUTE, INT } = onnx.AttributeProto.AttributeType;

/**
 * onnxruntime-web on one thread, with the graph that is its fastest: two
 * matrix products around a softmax, keys and values constant in the model. Its
 * GroupQueryAttention, which appends to the cache, takes four times as long.
 */
export class OnnxAttention implements AttentionPeer {
  readonly name = "onnxruntime-web";
  readonly #sessions: ort.InferenceSession[];
  readonly #feeds: { q: ort.Tensor };
  #out = new Float32Array();

  private constructor(given: AttentionCase, sessions: ort.InferenceSession[]) {
    const { queryHeads, kvHeads, headDim, q } = given;
    const shape = [kvHeads, queryHeads / kvHeads, headDim];
    this.#sessions = sessions;
    this.#feeds = { q: new ort.Tensor("float32", q, shape) };
  }

  /** Builds a session for every layer. */
  static async open(
    given: AttentionCase,
    layers: number,
  ): Promise<OnnxAttention> {
    ort.env.wasm.numThreads = 1;
    const bytes = attentionModel(given);
    const sessions: ort.InferenceSession[] = [];
    while (sessions.length < layers) {
      sessions.push(
        await ort.InferenceSession.create(bytes, {
          executionProviders: ["wasm"],
          graphOptimizationLevel: "all",
        }),
      );
    }
    return new OnnxAttention(given, sessions);
  }

  async attend(layer: number): Promise<void> {
    const { out } = await this.#sessions[layer].run(this.#feeds);
    this.#out = out.data as Float32Array<ArrayBuffer>;
  }

  output(): Promise<Float32Array> {
    return Promise.resolve(this.#out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}

/** The graph, as the bytes of an ONNX file. */
function attentionModel(given: AttentionCase): Uint8Array {
  const { queryHeads, kvHeads, headDim, tokens } = given;
  const group = queryHeads / kvHeads;
  const constant = (name: string, data: Float32Array) => ({
    name,
    dataType: FLOAT,
    dims: [kvHeads, tokens, headDim],
    rawData: new Uint8Array(data.buffer),
  });
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [
      { domain: "", version: 17 },
      { domain: "com.microsoft", version: 1 },
    ],
    graph: {
      name: "attention",
      input: [tensorInfo("q", [kvHeads, group, headDim])],
      output: [tensorInfo("out", [kvHeads, group, headDim])],
      initializer: [
        constant("keys", given.keys),
        constant("values", given.values),
      ],
      node: nodes(1 / Math.sqrt(headDim)),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function nodes(scale: number) {
  return [
    {
      domain: "com.microsoft",
      opType: "FusedMatMul",
      input: ["q", "keys"],
      output: ["scores"],
      attribute: [
        { name: "transB", type: INT, i: 1 },
        { name: "alpha", type: FLOAT_ATTRIBUTE, f: scale },
      ],
    },
    {
      opType: "Softmax",
      input: ["scores"],
      output: ["weights"],
      attribute: [{ name: "axis", type: INT, i: -1 }],
    },
    { opType: "MatMul", input: ["weights", "values"], output: ["out"] },
  ];
}

function tensorInfo(name: string, shape: number[]) {
  const dim = shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}
