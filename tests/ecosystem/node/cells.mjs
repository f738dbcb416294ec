// One cell a line: what each client of npm's gets from the gateway. Arguments: URL, token, model.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

const [url, token, model] = process.argv.slice(2);
const HELLO = "Hello from loopback";
const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const ask = [{ role: "user", content: "Hi" }];
const refuse = [{ role: "user", content: "refuse this" }];

function same(got, wanted) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`got ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
  }
}

function has(text, part) {
  if (!String(text).includes(part)) throw new Error(`${JSON.stringify(text)} is without ${part}`);
}

async function refused(call, status) {
  try {
    await call();
  } catch (error) {
    same(error.status ?? error.statusCode, status);
    has(error.message, "will not have that");
    return;
  }
  throw new Error("nothing was thrown");
}

async function joined(stream, text) {
  let said = "";
  for await (const event of stream) said += text(event) ?? "";
  return said;
}

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 });
const fn = { name: "weather", parameters: schema };
const chat = (more) => openai.chat.completions.create({ model, messages: ask, ...more });
const respond = (more) => openai.responses.create({ model, input: "Hi", ...more });
const claude = new Anthropic({ baseURL: url, apiKey: token, maxRetries: 0 });
const message = { model, max_tokens: 4000, messages: ask };
const format = { type: "json_schema", json_schema: { name: "place", strict: true, schema } };

const vercel = (language, provider, thinking) => {
  const weather = tool({ inputSchema: jsonSchema(schema), execute: async () => "sunny" });
  return {
    chat: async () => same((await generateText({ model: language, prompt: "Hi" })).text, HELLO),
    streams: async () => same(await joined(streamText({ model: language, prompt: "Hi" }).textStream, (t) => t), HELLO),
    tools: async () => {
      const more = { tools: { weather }, stopWhen: stepCountIs(3) };
      has((await generateText({ model: language, prompt: "Hi", ...more })).text, "sunny");
    },
    structured: async () => {
      const output = Output.object({ schema: jsonSchema(schema) });
      same((await generateText({ model: language, prompt: "Hi", output })).output, { city: "Paris" });
    },
    thinking: async () => {
      const more = { providerOptions: { [provider]: thinking } };
      same((await generateText({ model: language, prompt: "Hi", ...more })).text, HELLO);
    },
    errors: () => refused(() => generateText({ model: language, prompt: "refuse this", maxRetries: 0 }), 400),
  };
};
const viaOpenAI = createOpenAI({ baseURL: `${url}/v1`, apiKey: token });
const viaAnthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: token });
const budget = { thinking: { type: "enabled", budgetTokens: 1024 } };

const CLIENTS = {
  "openai, chat": {
    chat: async () => same((await chat()).choices[0].message.content, HELLO),
    streams: async () => same(await joined(await chat({ stream: true }), (c) => c.choices[0]?.delta.content), HELLO),
    tools: async () => {
      const tools = [{ type: "function", function: fn }];
      const call = (await chat({ tools })).choices[0].message;
      same(JSON.parse(call.tool_calls[0].function.arguments), { city: "Paris" });
      const result = { role: "tool", tool_call_id: call.tool_calls[0].id, content: "sunny" };
      has((await chat({ tools, messages: [...ask, call, result] })).choices[0].message.content, "sunny");
    },
    structured: async () =>
      same((await openai.chat.completions.parse({ model, messages: ask, response_format: format })).choices[0].message.parsed, {
        city: "Paris",
      }),
    thinking: async () => same((await chat({ reasoning_effort: "high" })).choices[0].message.content, HELLO),
    errors: () => refused(() => chat({ messages: refuse }), 400),
  },
  "openai, responses": {
    chat: async () => same((await respond()).output_text, HELLO),
    streams: async () => same(await joined(await respond({ stream: true }), (e) => e.type === "response.output_text.delta" && e.delta || ""), HELLO),
    tools: async () => {
      const tools = [{ type: "function", strict: true, ...fn }];
      const call = (await respond({ tools })).output.find((item) => item.type === "function_call");
      same(JSON.parse(call.arguments), { city: "Paris" });
      const result = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
      has((await respond({ tools, input: [...ask, call, result] })).output_text, "sunny");
    },
    structured: async () => {
      const text = { format: { type: "json_schema", name: "place", strict: true, schema } };
      same((await openai.responses.parse({ model, input: "Hi", text })).output_parsed, { city: "Paris" });
    },
    thinking: async () => {
      const told = await respond({ reasoning: { effort: "high", summary: "auto" } });
      has(JSON.stringify(told.output.filter((item) => item.type === "reasoning")), "Let me see.");
    },
    errors: () => refused(() => respond({ input: "refuse this" }), 400),
  },
  "@anthropic-ai/sdk": {
    chat: async () => same((await claude.messages.create(message)).content.at(-1).text, HELLO),
    streams: async () => same(await claude.messages.stream(message).finalText(), HELLO),
    tools: async () => {
      const tools = [{ name: "weather", input_schema: schema }];
      const turn = await claude.messages.stream({ ...message, tools }).finalMessage();
      const call = turn.content.find((block) => block.type === "tool_use");
      same(call.input, { city: "Paris" });
      const result = { type: "tool_result", tool_use_id: call.id, content: "sunny" };
      const messages = [...ask, { role: "assistant", content: turn.content }, { role: "user", content: [result] }];
      has((await claude.messages.create({ ...message, tools, messages })).content.at(-1).text, "sunny");
    },
    structured: async () => {
      const output_config = { format: { type: "json_schema", schema } };
      const told = await claude.messages.create({ ...message, output_config });
      same(JSON.parse(told.content.at(-1).text), { city: "Paris" });
    },
    thinking: async () => {
      const thinking = { type: "enabled", budget_tokens: 1024 };
      const told = await claude.messages.stream({ ...message, thinking }).finalMessage();
      same(told.content.at(-1).text, HELLO);
      same(told.content[0].thinking, "Let me see.");
    },
    errors: () => refused(() => claude.messages.create({ ...message, messages: refuse }), 400),
  },
  "ai, openai chat": vercel(viaOpenAI.chat(model), "openai", { reasoningEffort: "high" }),
  "ai, openai responses": vercel(viaOpenAI.responses(model), "openai", { reasoningEffort: "high" }),
  "ai, anthropic": vercel(viaAnthropic(model), "anthropic", budget),
};

globalThis.AI_SDK_LOG_WARNINGS = false;
for (const [client, cells] of Object.entries(CLIENTS)) {
  for (const [cell, run] of Object.entries(cells)) {
    let fault = "";
    try {
      await run();
    } catch (error) {
      fault = `${error.name}: ${error.message}`.slice(0, 300);
    }
    console.log(JSON.stringify({ client, cell, fault }));
  }
}
