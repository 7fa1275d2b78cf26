"""Makes the folders beside it: tiny random models as transformers saves them,
and the logits it computes for a sequence of 24 tokens, in float32.

pip install torch transformers && python make.py
"""

import json
import pathlib

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

HERE = pathlib.Path(__file__).parent
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġt", "he", "in", "Ġa", "er", "on", "Ġthe", "an", "at", "es"]
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VOCABULARY = len(SPECIALS) + 256 + len(MERGES)
SHAPE = dict(
    vocab_size=VOCABULARY,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    bos_token_id=1,
    eos_token_id=2,
)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=10000.0,
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=64,
)


def tokenizer():
    """Byte-level BPE: specials, the 256 bytes, ten merges."""
    pieces = SPECIALS + sorted(pre_tokenizers.ByteLevel.alphabet()) + MERGES
    vocab = {piece: i for i, piece in enumerate(pieces)}
    # The last merge of a three-character piece joins a known pair to a letter.
    pairs = [(p[:-1], p[-1]) if len(p) < 3 else ("Ġt", "he") for p in MERGES]
    raw = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(SPECIALS)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=SPECIALS[1],
        eos_token=SPECIALS[2],
        chat_template=CHAT,
    )


def randomise(model):
    """Larger than transformers' own start values, so that logits differ."""
    for name, weight in model.named_parameters():
        noise = torch.randn_like(weight)
        if "norm" in name:
            weight.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            weight.data = 0.5 * noise
        elif "embed" in name:
            weight.data = noise
        else:
            weight.data = noise * 1.5 / weight.shape[1] ** 0.5


def make(name, model, dtype, end, **save):
    torch.manual_seed(len(name) + 7)
    randomise(model)
    model = model.to(dtype)
    folder = HERE / name
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=end)
    model.save_pretrained(folder, **save)
    tokenizer().save_pretrained(folder)
    tokens = torch.randint(0, VOCABULARY, (1, 24))
    # Loaded again: the weights as the file rounds them, but not so the rotary
    # frequencies, which `to(bfloat16)` rounded as well.
    model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(tokens).logits[0]
    rows = [[float(f"{x:.6g}") for x in row] for row in logits.tolist()]
    golden = dict(tokens=tokens[0].tolist(), logits=rows)
    (folder / "logits.json").write_text(json.dumps(golden))


make(
    "llama",
    LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=LLAMA3)),
    torch.bfloat16,
    2,
)
make(
    "qwen2",
    Qwen2ForCausalLM(Qwen2Config(**SHAPE, tie_word_embeddings=True)),
    torch.float32,
    [2, 0],
    max_shard_size="150KB",
)
make(
    "qwen3",
    Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=32)),
    torch.bfloat16,
    [2, 0],
)
