// A worker for one type of task; what it does is in `work`. Run it with NATS_URL, BERTH_TOKEN, TASK_TYPE.
import { connect, headers } from "nats";
import { setTimeout as sleep } from "node:timers/promises";

const { NATS_URL, BERTH_TOKEN, TASK_TYPE } = process.env;
const QUEUES = ["CRITICAL", "HIGH", "NORMAL", "LOW"]; // a hand for each: none waits for another
const LATER = new Set(["TASK_NOT_READY", "CONCURRENCY_KEY_BUSY", "UNAVAILABLE"]);
const { protocol, host, username, password } = new URL(NATS_URL); // nats://token@host:port, or tls://user:password@
const login = password ? { user: username, pass: password } : username ? { token: username } : {};
const tls = protocol === "tls:" ? {} : undefined, nats = await connect({ servers: host, maxReconnectAttempts: -1, tls, ...login });
let leaving = false; // told to stop: what runs is handed back
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => (leaving = true));

async function work({ data, operationId }, signal, progress) { // the operation id is the idempotency key
  for (let step = 1; step <= data.steps; step++) {
    await sleep(data.pauseMs ?? 100, null, { signal });
    await progress((100 * step) / data.steps, `step ${step}`);
  }
  if (data.fail) throw new Error(data.fail);
  return { operationId, steps: data.steps };
}

async function ask(where, what, body, tries = 10) { // told again until it is answered: that changes nothing
  const sent = headers();
  sent.set("Authorization", `Bearer ${BERTH_TOKEN}`);
  try {
    const reply = await nats.request(`${where}.${what}`, JSON.stringify(body), { timeout: 5000, headers: sent });
    if (!(reply.json().statusCode >= 500)) return reply.json();
  } catch (error) { console.error(what, error.message); }
  if (tries <= 1) return { statusCode: 503, code: "UNAVAILABLE", message: "nobody answers" };
  return sleep(500).then(() => ask(where, what, body, tries - 1));
}

async function attempt(task, where) {
  const mine = { operationId: task.operationId, attempt: task.attempt, leaseId: task.leaseId }, stop = new AbortController();
  let why = "cancelled"; // or "over": another worker may have it by now
  const beats = setInterval(async () => {
    const told = await ask(where, leaving ? "abandon" : "heartbeat", mine, 1);
    if (leaving || told.code === "STALE_ATTEMPT") why = "over";
    if (why === "over" || told.isCancelling) stop.abort();
  }, Math.min(task.lockDuration / 4, 2000));
  if (task.timeout) setTimeout(() => stop.abort((why = "timeout")), task.timeout).unref();
  const ending = await work(task, stop.signal, (percent, message) => ask(where, "progress", { ...mine, percent, message }, 1)).then((result) => ["complete", { result }], (error) =>
    !stop.signal.aborted || why === "timeout" ? ["fail", { message: String(error.message), reason: why === "timeout" ? why : "error" }] : [why, {}]);
  clearInterval(beats);
  if (ending[0] !== "over") await ask(where, ending[0], { ...mine, ...ending[1] });
}

await Promise.all(QUEUES.map(async (queue) => {
  while (!leaving) try {
    const next = `$JS.API.CONSUMER.MSG.NEXT.BERTH_TASKS_${queue}.${TASK_TYPE}`;
    const message = await nats.request(next, JSON.stringify({ batch: 1, expires: 2e9 }), { timeout: 4000, noMux: true });
    if (!message.reply) continue; // nothing came
    const { operationId, ask: where } = message.json();
    const task = await ask(where, "start", { operationId, type: TASK_TYPE, leaseId: crypto.randomUUID(), worker: `pid ${process.pid}` }, 2);
    message.respond(LATER.has(task.code) ? '-NAK {"delay": 1000000000}' : "+ACK");
    if (!task.statusCode) await attempt(task, where);
  } catch (error) { console.error(queue, error.message); await sleep(1000); }
}));
await nats.close();
