"""What the page of a report looks like and what its buttons do: nothing is loaded from elsewhere."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fff; --ink: #1f2328; --quiet: #656d76; --line: #d8dee4; --shade: #f6f8fa; --button: #fff;
  --equal: #1a7f37; --deviates: #9a6700; --differs: #cf222e; --outdated: #cf222e; --skipped: #656d76;
  --theirs: #ffebe9; --ours: #dafbe1; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #0d1117; --ink: #e6edf3; --quiet: #8d96a0; --line: #30363d; --shade: #161b22; --button: #21262d;
  --equal: #3fb950; --deviates: #d29922; --differs: #f85149; --outdated: #f85149; --skipped: #8d96a0;
  --theirs: #491b1f; --ours: #12351f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 6rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; font-weight: 600; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; font-weight: 600; }
h2 span { color: var(--quiet); font-weight: 400; }
p { margin: .25rem 0; }
.about { color: var(--quiet); }
.run { padding-top: .5rem; }
.run + .run { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 2rem; }
nav { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .5rem; padding: .75rem 0; margin: 1rem 0 0;
  background: var(--paper); border-bottom: 1px solid var(--line); z-index: 1; }
nav button, nav input { font: inherit; font-size: 14px; color: var(--ink); background: var(--button);
  border: 1px solid var(--line); border-radius: 6px; padding: .25rem .7rem; }
nav button { cursor: pointer; }
nav button b { font-weight: 600; margin-left: .25rem; }
nav button[aria-pressed=true] { background: var(--ink); border-color: var(--ink); color: var(--paper); }
nav button:disabled { opacity: .45; cursor: default; }
nav input { flex: 1 1 12rem; min-width: 8rem; }
:focus-visible { outline: 2px solid #0969da; outline-offset: 1px; }
details { border: 1px solid var(--line); margin-top: -1px; }
summary { display: grid; grid-template-columns: 5.5rem minmax(10rem, 22rem) 1fr; gap: 0 1rem; align-items: baseline;
  padding: .4rem .9rem; cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:hover { background: var(--shade); }
summary .does, summary .note { color: var(--quiet); font-size: 14px; }
summary .note { grid-column: 3; font-style: italic; }
.verdict { font-size: 13px; font-weight: 600; white-space: nowrap; }
.verdict::before { content: ""; display: inline-block; width: .55em; height: .55em; border-radius: 50%;
  background: currentColor; margin-right: .5em; }
.equal .verdict { color: var(--equal); } .deviates .verdict { color: var(--deviates); }
.differs .verdict { color: var(--differs); } .outdated .verdict { color: var(--outdated); }
.skipped .verdict { color: var(--skipped); }
.inside { padding: .25rem .9rem 1rem; }
pre, td, th { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; padding: .6rem .8rem; background: var(--shade);
  border-radius: 6px; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; border: 1px solid var(--line); }
th { text-align: left; font-family: inherit; font-weight: 600; padding: .3rem .7rem; background: var(--shade);
  border-bottom: 1px solid var(--line); }
td { vertical-align: top; padding: 0 .7rem; white-space: pre-wrap; overflow-wrap: anywhere; height: 1.5em; }
td + td, th + th { border-left: 1px solid var(--line); }
tr:nth-child(2) td { padding-top: .3rem; } tr:last-child td { padding-bottom: .3rem; }
td.theirs { background: var(--theirs); } td.ours { background: var(--ours); } td.none { background: var(--shade); }
[hidden] { display: none !important; }
#nothing { color: var(--quiet); margin: 2rem 0; }
@media (max-width: 46rem) { summary { grid-template-columns: 5.5rem 1fr; }
  summary .does, summary .note { grid-column: 2; } }
@media print { nav { display: none; } details { break-inside: avoid; } }
"""

SCRIPT = """
const buttons = [...document.querySelectorAll("nav button")], search = document.querySelector("nav input");
function show() {
  const on = buttons.find(each => each.getAttribute("aria-pressed") === "true").value;
  const text = search.value.toLowerCase();
  let any = false;
  for (const area of document.querySelectorAll(".area")) {
    let some = 0;
    for (const each of area.querySelectorAll("details")) {
      each.hidden = (on && !each.classList.contains(on)) || !each.textContent.toLowerCase().includes(text);
      some += !each.hidden;
    }
    area.hidden = !some;
    area.querySelector("h2 span").textContent = some;
    any = any || some > 0;
  }
  document.getElementById("nothing").hidden = any;
}
for (const button of buttons) button.addEventListener("click", () => {
  for (const each of buttons) each.setAttribute("aria-pressed", each === button);
  history.replaceState(null, "", "#" + button.value);
  show();
});
search.addEventListener("input", show);
const wanted = buttons.find(each => each.value && "#" + each.value === location.hash && !each.disabled);
if (wanted) wanted.click();
"""
