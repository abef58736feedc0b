// Keeps the page up to date: what has changed in a new copy of it takes the place of the old.
"use strict";

const EVERY_MS = 1000;

function replace(part, next) {
  const focused = part.contains(document.activeElement)
    ? document.activeElement.getAttribute("href")
    : null;
  part.replaceChildren(...document.importNode(next, true).childNodes);
  if (focused) {
    const same = Array.from(part.querySelectorAll("a")).find(
      (link) => link.getAttribute("href") === focused,
    );
    if (same) same.focus();
  }
}

async function refresh() {
  if (!document.hidden) {
    const offline = document.getElementById("offline");
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const next = page.getElementById(part.id);
        if (next && next.innerHTML !== part.innerHTML) replace(part, next);
      }
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
