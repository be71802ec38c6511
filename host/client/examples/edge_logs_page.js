// Shows what a run says until it has ended. Everything is put in as text, never as HTML.
const run = document.querySelector("[data-events]");
if (run) {
  const events = new EventSource(run.dataset.events);
  events.addEventListener("progress", ({ data }) => {
    const { percent, message } = JSON.parse(data);
    run.querySelector("progress").value = percent;
    run.querySelector("output").textContent = message;
  });
  events.addEventListener("line", ({ data }) => {
    const { level, message } = JSON.parse(data);
    run.querySelector("pre").append(`${level} ${message}\n`);
  });
  // The page itself shows how it ended.
  events.addEventListener("end", () => location.reload());
}
