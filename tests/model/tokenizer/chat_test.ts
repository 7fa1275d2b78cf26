import { assertEquals, assertThrows } from "@std/assert";
import { gguf } from "@huggingface/gguf";
import {
  ChatTemplate,
  chatTemplateOf,
  type Message,
} from "../../../model/tokenizer/chat.ts";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { ggufTokenizer } from "../../../model/gguf/tokenizer.ts";
import { LLAMA_2, LLAMA_3_2, QWEN_2_5, QWEN_3 } from "./chat_templates.ts";

const model = Deno.env.get("GKV_TEST_MODEL");
const skipped = model === undefined
  ? " (skipped: GKV_TEST_MODEL is not set)"
  : "";

const system: Message = { role: "system", content: "Be brief." };
const user: Message = { role: "user", content: "Hi" };
const answer: Message = { role: "assistant", content: "Hello." };
const next: Message = { role: "user", content: "And now?" };

const llamaTokens = { bosToken: "<|begin_of_text|>", eosToken: "<|eot_id|>" };

/** Turns of ChatML, which Qwen and SmolLM speak. */
const turn = ({ role, content }: Message) =>
  `<|im_start|>${role}\n${content}<|im_end|>\n`;

Deno.test("ChatTemplate renders Llama 3.2's template with BOS and today's date", () => {
  const template = new ChatTemplate(LLAMA_3_2, llamaTokens);
  const day = new Date();
  const month = day.toLocaleDateString("en-US", { month: "short" });
  const date = `${
    `${day.getDate()}`.padStart(2, "0")
  } ${month} ${day.getFullYear()}`;
  const header = (role: string) =>
    `<|start_header_id|>${role}<|end_header_id|>\n\n`;
  assertEquals(
    template.render([system, { role: "user", content: " Hi\n" }]),
    `<|begin_of_text|>${
      header("system")
    }Today Date: ${date}\n\nBe brief.<|eot_id|>` +
      `${header("user")}Hi<|eot_id|>${header("assistant")}`,
  );
  assertEquals(
    template.continuation(next),
    `<|eot_id|>${header("user")}And now?<|eot_id|>${header("assistant")}`,
  );
});

Deno.test("ChatTemplate renders Qwen 2.5's template with its own system prompt", () => {
  const template = new ChatTemplate(QWEN_2_5);
  const own: Message = { role: "system", content: "You are Qwen." };
  assertEquals(
    template.render([user]),
    `${turn(own)}${turn(user)}<|im_start|>assistant\n`,
  );
  assertEquals(
    template.render([system, user, answer, next]),
    [system, user, answer, next].map(turn).join("") + "<|im_start|>assistant\n",
  );
});

Deno.test("ChatTemplate renders Qwen 3's template, which drops earlier thoughts", () => {
  const template = new ChatTemplate(QWEN_3);
  const thought: Message = {
    role: "assistant",
    content: "<think>\nhm\n</think>\n\nHello.",
  };
  assertEquals(
    template.render([user, thought, next]),
    [user, answer, next].map(turn).join("") + "<|im_start|>assistant\n",
  );
});

for (const [name, source] of Object.entries({ QWEN_2_5, QWEN_3 })) {
  Deno.test(`continuation() of ${name} ends the turn and opens the next`, () => {
    const expected = `<|im_end|>\n${turn(next)}<|im_start|>assistant\n`;
    assertEquals(new ChatTemplate(source).continuation(next), expected);
  });
}

Deno.test("render() plus answer plus continuation() is the whole conversation", () => {
  for (const source of [LLAMA_3_2, QWEN_2_5, QWEN_3]) {
    const template = new ChatTemplate(source, llamaTokens);
    const pieces = template.render([system, user]) + answer.content +
      template.continuation(next);
    assertEquals(pieces, template.render([system, user, answer, next]));
  }
});

Deno.test("ChatTemplate passes on what a template refuses", () => {
  const template = new ChatTemplate(LLAMA_2, {
    bosToken: "<s>",
    eosToken: "</s>",
  });
  assertEquals(
    template.render([user, answer, next]).replaceAll("\n", ""),
    "<s>[INST] Hi [/INST] Hello. </s><s>[INST] And now? [/INST]",
  );
  assertThrows(
    () => template.render([user, user]),
    TypeError,
    "roles must alternate",
  );
  assertThrows(
    () => template.continuation(answer),
    TypeError,
    "roles must alternate",
  );
});

Deno.test("continuation() needs a template that renders earlier answers", () => {
  const last = new ChatTemplate("{{ messages[-1].content }}");
  assertThrows(
    () => last.continuation(next),
    ModelFormatError,
    "leaves earlier answers out",
  );
});

Deno.test("ChatTemplate refuses a template with a syntax error", () => {
  const broken = "{% for m in messages %}{{ m.content }}";
  assertThrows(
    () => new ChatTemplate(broken),
    ModelFormatError,
    "Cannot read the chat template",
  );
});

Deno.test("render() names the failure of a template that cannot be run", () => {
  const template = new ChatTemplate("{{ messages | no_such_filter }}");
  assertThrows(
    () => template.render([user]),
    ModelFormatError,
    "no_such_filter",
  );
});

Deno.test("render() stops templates that would not come to an end", () => {
  const endless = [
    "{% for i in range(1000000000000) %}{% endfor %}",
    "{% set r = range(100000) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{{ range(0, 9, 0) }}",
  ];
  for (const source of endless) {
    const template = new ChatTemplate(source);
    assertThrows(
      () => template.render([user]),
      ModelFormatError,
      "comes to an end",
    );
  }
});

Deno.test("render() has no tools, as templates that ask for them expect", () => {
  const source =
    "{% if tools is not none %}{{ tools | length }}{% endif %}none";
  assertEquals(new ChatTemplate(source).render([user]), "none");
});

Deno.test("render() counts ranges as Python does", () => {
  const render = (source: string) => new ChatTemplate(source).render([]);
  assertEquals(render("{{ range(3) | join(',') }}"), "0,1,2");
  assertEquals(render("{{ range(1, 4) | join(',') }}"), "1,2,3");
  assertEquals(render("{{ range(5, 0, -2) | join(',') }}"), "5,3,1");
  assertEquals(render("{{ range(2, 1) | join(',') }}"), "");
});

Deno.test("chatTemplateOf() takes the default of several and tokens of any form", () => {
  const config = {
    chat_template: [
      { name: "tool_use", template: "tools" },
      { name: "default", template: "{{ bos_token }}{{ eos_token }}" },
    ],
    bos_token: { content: "<s>", special: true },
    eos_token: "</s>",
  };
  const files = { tokenizer: {}, config, endTokens: [] };
  assertEquals(chatTemplateOf(files)?.render([]), "<s></s>");
  assertEquals(
    chatTemplateOf({ ...files, config: { chat_template: null } }),
    undefined,
  );
});

Deno.test(`chatTemplateOf() reads SmolLM2's template${skipped}`, {
  ignore: model === undefined,
}, async () => {
  const { metadata } = await gguf(model!, { allowLocalFile: true });
  const template = chatTemplateOf(
    ggufTokenizer("model.gguf", { ...metadata })!,
  )!;
  const own: Message = {
    role: "system",
    content:
      "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
  };
  const start = "<|im_start|>assistant\n";
  assertEquals(template.render([user]), `${turn(own)}${turn(user)}${start}`);
  assertEquals(
    template.continuation(next),
    `<|im_end|>\n${turn(next)}${start}`,
  );
});
