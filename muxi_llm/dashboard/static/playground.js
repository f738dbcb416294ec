// Asks for a stream and shows it as it comes. Without this, the form asks for a whole answer.
const find = (id) => document.getElementById(id);
const form = find("ask"), answer = find("answer"), wrong = find("wrong"), told = find("told"), stop = find("stop");

form.addEventListener("submit", async (event) => {
  if (event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  const asking = new AbortController();
  stop.onclick = () => asking.abort();
  begin();
  try {
    await ask(asking.signal);
  } catch (error) {
    if (error.name !== "AbortError") fail(wrong.dataset.otherwise);
  } finally {
    stop.hidden = true;
    answer.setAttribute("aria-busy", "false");
  }
});

function begin() {
  answer.textContent = "";
  find("none")?.remove();
  wrong.hidden = told.hidden = true;
  for (const field of form.querySelectorAll("[aria-invalid]")) unmark(field);
  stop.hidden = false;
  answer.setAttribute("aria-busy", "true");
}

// Beside the field that is to blame, as the page has it without this; else where the answer would stand.
function fail(message, param) {
  const field = param && form.elements.namedItem(param);
  if (!field) {
    wrong.textContent = message;
    wrong.hidden = false;
    return;
  }
  const text = document.createElement("p");
  Object.assign(text, { className: "wrong", id: `${param}-wrong`, role: "alert", textContent: message });
  field.after(text);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", text.id);
  field.focus();
}

function unmark(field) {
  find(`${field.name}-wrong`)?.remove();
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
}

async function ask(signal) {
  const body = new URLSearchParams(new FormData(form));
  const response = await fetch(form.action, { method: "POST", body, signal, headers: { accept: "text/event-stream" } });
  if (response.redirected) return location.reload(); // nobody is logged in any more
  showHeaders(response.headers);
  if (!response.ok) {
    const isTold = response.headers.get("content-type")?.includes("json");
    const error = isTold ? (await response.json()).error : null;
    return fail(error?.message || wrong.dataset.otherwise, response.status === 401 ? "key" : error?.param);
  }
  for await (const event of events(response.body)) {
    if (event.error) fail(event.error.message);
    const choice = event.choices?.[0];
    answer.append(choice?.delta?.content ?? "");
    if (event.usage) show(told.querySelector("[data-usage]"), `${event.usage.prompt_tokens} + ${event.usage.completion_tokens}`);
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

function showHeaders(headers) {
  for (const row of told.querySelectorAll("[data-header]")) show(row, headers.get(row.dataset.header) ?? "");
}

function show(row, value) {
  const cell = row.querySelector("td"), link = cell.querySelector("a");
  (link ?? cell).textContent = value;
  if (link) link.search = new URLSearchParams({ request_id: value });
  row.hidden = value === "";
  if (value) told.hidden = false;
}
