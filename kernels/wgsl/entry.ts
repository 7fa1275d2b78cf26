/** WGSL of entry `index` of head `h` in a tensor `[kvHeads, slots]`. */
export function entry(tensor: string, index = "r"): string {
  return `${tensor}[params.${tensor}_offset + h * params.${tensor}_stride + ${index}]`;
}
