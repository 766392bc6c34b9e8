"use strict";

// The page is told lines of fields with tabs between them; examples/chat/room.rs lists them. All text goes into the page by
// `textContent`: nothing that anybody says or is called becomes markup.

const MOST_LINES = 500;
const FIRST_WAIT = 500, LONGEST_WAIT = 15000;

const [state, lines, form, label, field, button] =
  ["state", "lines", "form", "label", "field", "button"].map((id) => document.getElementById(id));

let wish = "";      // the name that was asked for
let name = "";      // the name that was given
let why = "";       // the last goodbye since we were in
let socket = null;
let wait = FIRST_WAIT;

// Does something, and shows the end of the lines afterwards if it was shown before.
function atEnd(change) {
  const was = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  change();
  if (was) {
    lines.scrollTop = lines.scrollHeight;
  }
}

function show(kind, text) {
  atEnd(() => {
    state.dataset.kind = kind;
    state.textContent = text;
  });
}

function here(count) {
  show("on", `${name}, ${count === "1" ? "alone here" : `${count} here`}`);
}

// A name stands apart: one that is written from right to left turns nothing round that is beside it.
function add(kind, speaker, text) {
  const [item, who, what] = ["li", "bdi", "span"].map((tag) => document.createElement(tag));
  item.className = kind;
  who.textContent = speaker;
  what.dir = "auto";
  what.textContent = text;
  item.append(who, " ", what);
  atEnd(() => {
    lines.append(item);
    if (lines.childElementCount > MOST_LINES) {
      lines.firstElementChild.remove();
    }
  });
}

function welcome(count, most, given) {
  name = given;
  why = "";
  wait = FIRST_WAIT;
  lines.replaceChildren();
  label.textContent = "Your line";
  button.textContent = "Send";
  field.maxLength = Number(most);
  field.enterKeyHint = "send";
  button.disabled = false;
  here(count);
}

function hear(line) {
  const [kind, ...fields] = line.split("\t");
  if (kind === "welcome") {
    welcome(...fields);
  } else if (kind === "said") {
    add(fields[0] === name ? "said own" : "said", ...fields);
  } else if (kind === "joined" || kind === "left") {
    here(fields[0]);
    add("news", fields[1], kind === "joined" ? "has come" : "has gone");
  }
}

function enter() {
  show("off", "connecting …");
  button.disabled = true;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/socket`);
  socket.onopen = () => socket.send(wish);
  socket.onmessage = (event) => event.data.split("\n").forEach(hear);
  socket.onclose = lost;
}

function lost(event) {
  socket = null;
  if (event.reason !== "") {
    why = `: ${event.reason}`;
    if (name === "") {
      // We were not let in: perhaps under another name.
      wish = "";
      button.disabled = false;
      show("lost", `not let in${why}`);
      return;
    }
  }
  button.disabled = true;
  // Not all at once after the server has come back.
  const pause = wait * (0.5 + Math.random());
  wait = Math.min(wait * 2, LONGEST_WAIT);
  show("lost", `disconnected${why}; tries again in ${Math.ceil(pause / 1000)} s`);
  setTimeout(enter, pause);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (text === "" || button.disabled) {
    return;
  }
  field.value = "";
  field.focus();
  if (wish === "") {
    wish = text;
    enter();
  } else {
    socket.send(text);
  }
});
