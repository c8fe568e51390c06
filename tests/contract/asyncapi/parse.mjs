// Says what AsyncAPI's own parser finds wrong with the document on standard input.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const problems = diagnostics.map(({ severity, message, path }) => ({
  severity,
  message,
  path: path.join("/"),
}));
const channels = document?.allChannels().all() ?? [];
const read = channels.map((channel) => ({
  address: channel.address(),
  messages: channel.messages().all().map((message) => message.name()),
}));
console.log(JSON.stringify({ problems, read }));
