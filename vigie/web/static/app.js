// Says whether the page is live. Everything else on it works without this file.
(() => {
  "use strict";
  const body = document.body;
  const note = document.getElementById("connection");
  if (!note || !body.hasAttribute("hx-sse:connect")) return;

  const say = (text, lost) => {
    note.hidden = false;
    if (note.textContent !== text) note.textContent = text;
    note.classList.toggle("lost", lost);
  };
  body.addEventListener("htmx:sse:after:connection", () => say("Live", false));
  body.addEventListener("htmx:sse:error", () => say("Connection lost: trying again", true));
})();
