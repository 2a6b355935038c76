"use strict";
// Everything shown comes from the inert JSON block and reaches the document as text nodes only, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = (n) => (n ?? 0).toLocaleString("en-GB");
  const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
  const SIGNS = { kept: "✓", flagged: "⚑", dropped: "✕", rejected: "⊘" };
  const PAGE = 20;

  // el("p", {class: "soft"}, "text", node): attributes are set as attributes, children that are no nodes become text
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child instanceof Node) node.append(child);
      else if (child !== null && child !== undefined && child !== "") write(node, String(child));
    }
    return node;
  }

  // Text as it is, but with controls that hide or turn text around shown by name.
  function write(node, text) {
    let at = 0;
    text = text.replaceAll("\r\n", "\n");
    for (const match of text.matchAll(HIDDEN)) {
      if (match.index > at) node.append(document.createTextNode(text.slice(at, match.index)));
      const code = "U+" + match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      const sign = document.createElement("span");
      sign.className = "ctl";
      sign.title = "a control character, shown by its name";
      sign.textContent = code;
      node.append(sign);
      at = match.index + match[0].length;
    }
    if (at < text.length) node.append(document.createTextNode(text.slice(at)));
  }

  function bar(label, parts, total) {
    const node = el("div", { class: "bar", role: "img", "aria-label": label });
    for (const part of parts) {
      if (!part.count) continue;
      const piece = el("i", { class: part.kind, title: `${count(part.count)} ${part.words}` });
      piece.style.width = `${(100 * part.count) / Math.max(total, 1)}%`;
      node.append(piece);
    }
    return node;
  }

  const compact = (n) => (n < 1e6 ? count(n) : n < 1e9 ? `${(n / 1e6).toFixed(1)}M` : `${(n / 1e9).toFixed(1)}G`);
  const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
  function duration(s) {
    if (s < 60) return `${s.toFixed(1)} s`;
    const whole = Math.round(s);
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    return `${count(Math.floor(whole / 3600))} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  }
  const money = (n) => `${n.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: n && n < 1 ? 4 : 2 })} ${data.cost.currency}`;

  // ---- above the samples
  function head() {
    const engine = data.engine ?? { name: "rules", version: "", label: "this recipe asks no model" };
    const rules = engine.name === "extractive";
    document.title = `${data.run} · tilth samples`;
    const states = { finished: "finished", stopped: "stopped before its end", running: "still running" };
    const model = engine.model ? [", model ", el("b", {}, engine.model), engine.revision ? ` at ${engine.revision}` : ""] : [];
    const node = document.getElementById("head");
    node.append(
      el("p", { class: "eyebrow" }, "tilth samples"),
      el("h1", {}, data.run),
      el("p", { class: "lead" }, "Made by ", el("b", {}, `${engine.name} ${engine.version ?? ""}`.trim()), ` (${engine.label})`, model,
        `. Recipe version ${data.recipe_version}, ${states[data.state] ?? data.state}.`),
    );
    if (rules) node.append(el("p", { class: "notice" }, el("b", {}, "Rules, no model."), " Every text here was put together from the document by fixed rules. No language model wrote any of it."));
    if (engine.name === "fake") node.append(el("p", { class: "notice warn" }, el("b", {}, "Not real data."), " These texts come from the fake engine, which exists for tests."));
    if (data.stopped_because) node.append(el("p", { class: "notice warn" }, el("b", {}, "Stopped: "), data.stopped_because, ". Run the same command again to go on."));
    node.append(figures());
  }

  function figures() {
    const cost = data.cost;
    const read = data.steps.filter((step) => step.kind === "read").reduce((sum, step) => sum + step.equations[0].terms[0].count, 0);
    const generated = data.steps.filter((step) => !["read", "curate"].includes(step.kind));
    const made = generated.length ? generated : data.steps.filter((step) => step.kind === "curate").slice(-1);
    const unit = generated.length ? "rewrites" : "documents";
    const rewrites = made.map((step) => step.equations.at(-1));
    const kept = rewrites.reduce((sum, each) => sum + each.terms[0].count, 0);
    const total = rewrites.reduce((sum, each) => sum + each.total, 0);
    const flags = made.flatMap((step) => step.flags).reduce((sum, each) => sum + each.count, 0);
    const alarms = made.flatMap((step) => step.alarms).filter((alarm) => alarm.level !== "notice").length;
    const tokens = cost.prompt_tokens + cost.completion_tokens;
    const items = [
      ["documents", compact(read)],
      [`${unit} kept of ${compact(total)}`, compact(kept)],
      ["kept", percent(kept, total)],
      ["flags raised", compact(flags)],
      [alarms === 1 ? "collapse alarm" : "collapse alarms", count(alarms)],
      tokens ? ["tokens", compact(tokens)] : ["requests", compact(cost.requests)],
      [cost.price ? cost.currency : `${cost.currency}, ${data.price}`, money(cost.money).replace(` ${cost.currency}`, "")],
      [generated.length ? "of generation" : "of work", duration(cost.seconds)],
    ];
    return el("dl", { class: "figures" }, items.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  function equation(step, each) {
    const first = each.terms[0];
    const away = each.unit.startsWith("pairs");
    const losses = each.terms.slice(1);
    const shown = losses.length > 9 ? losses.slice(0, 8) : losses;
    const rest = losses.slice(shown.length);
    const term = (item) => {
      const known = data.rows.some((row) => row.step === step.name && row.reasons.includes(item.key) && row.verdict !== "flagged");
      const words = [el("b", {}, count(item.count)), ` ${item.words}`];
      return known ? el("button", { class: "term", type: "button", title: "show these", onclick: () => jump({ reason: item.key }) }, words) : el("span", { class: "term plain" }, words);
    };
    const list = el("ul", { class: "equation" },
      el("li", { class: "total" }, el("b", {}, count(each.total)), `${each.unit}`),
      el("li", {}, el("span", { class: "op" }, "="), el("span", { class: "term plain" }, el("b", {}, count(first.count)), ` ${first.words}`)),
      shown.map((item) => el("li", {}, el("span", { class: "op" }, "+"), term(item))),
      rest.length ? el("li", {}, el("span", { class: "op" }, "+"), el("span", {}, el("b", {}, count(rest.reduce((sum, item) => sum + item.count, 0))), ` for ${rest.length} other reasons`)) : "",
      each.gap ? el("li", {}, el("span", { class: "op" }, "+"), el("span", { class: data.state === "finished" || each.gap < 0 ? "gap" : "" }, count(each.gap), data.state === "finished" || each.gap < 0 ? " unaccounted for: this ledger does not add up" : " not done yet")) : "",
    );
    const parts = [{ ...first, kind: "kept" }, ...losses.map((item, i) => ({ ...item, kind: `${away ? "away" : "lost"}${i % 2 ? " even" : ""}` }))];
    const node = el("div", {}, list, bar(`${count(first.count)} of ${count(each.total)} ${first.words}`, parts, each.total));
    if (rest.length) node.append(el("details", { class: "small" }, el("summary", {}, "All reasons"), el("ul", { class: "equation" }, rest.map((item) => el("li", {}, term(item))))));
    return node;
  }

  function ledger() {
    const node = document.getElementById("summary");
    node.append(el("h2", {}, "Where every row went"));
    for (const step of data.steps) {
      const what = step.kind === "read" ? "documents are read" : `${step.kind} from ${step.source}`;
      const box = el("div", { class: "step" }, el("div", { class: "name" }, el("h3", {}, step.name), el("span", { class: "soft small" }, what)));
      if (step.shards && step.shards.done < step.shards.of) box.append(el("p", { class: "soft small" }, `${count(step.shards.done)} of ${count(step.shards.of)} shards are done; the sums are theirs.`));
      step.equations.forEach((each, i) => {
        const before = step.equations[i - 1]?.terms[0].count;
        if (before !== undefined && before !== each.total) box.append(el("p", { class: "soft small" }, `${count(before)} routed pairs made ${count(each.total)} rewrites, since long documents are cut into windows.`));
        box.append(equation(step, each));
      });
      if (step.passing) box.append(el("p", { class: "soft small" }, `${plural(step.passing, "rewrite", "rewrites")} failed for reasons that pass, such as an engine that was away. The same command tries them again.`));
      if (step.files.length > 1) box.append(sourceFiles(step));
      node.append(box);
    }
    for (const step of data.steps) {
      for (const alarm of step.alarms) node.append(alarmBox(alarm));
      if (step.curation) node.append(...curation(step));
      if (step.requests) node.append(...requests(step));
      if (step.refinements) node.append(...refinements(step));
      if (step.prompts.length) node.append(...prompts(step));
    }
    node.append(costAndLicences());
  }

  function sourceFiles(step) {
    const more = step.more_files ? el("p", { class: "soft" }, `and ${count(step.more_files)} more`) : "";
    return el("details", { class: "small" }, el("summary", {}, plural(step.files.length + step.more_files, "source file", "source files")),
      el("table", {}, el("tbody", {}, step.files.map((file) => el("tr", {}, el("td", {}, file.uri), el("td", { class: "num" }, `${count(file.kept)} of ${count(file.in)} kept`))))), more);
  }

  function alarmBox(alarm) {
    const notice = alarm.level === "notice";
    return el("div", { class: notice ? "alarm notice-only" : "alarm" },
      el("h3", {}, `${notice ? "Notice" : "Collapse alarm"}: ${alarm.prompt}, ${alarm.kind} ${Number(alarm.value).toFixed(2)} (limit ${Number(alarm.limit).toFixed(2)})`),
      el("p", {}, alarm.message),
      alarm.examples.map((example) => el("blockquote", {}, example.excerpt)));
  }

  function prompts(step) {
    const away = step.prompts.some((row) => row.routed_away);
    const tokens = step.prompts.some((row) => row.tokens[0] + row.tokens[1]);
    const rows = step.prompts.map((row) => {
      const lost = row.terms.slice(1);
      const flagged = Math.min(row.flags.reduce((sum, flag) => sum + flag.count, 0), row.kept);
      const parts = [{ count: row.kept - flagged, words: "kept", kind: "kept" }, { count: flagged, words: "flags raised", kind: "flagged" },
        ...lost.map((item, i) => ({ ...item, kind: `lost${i % 2 ? " even" : ""}` }))];
      const often = lost.slice(0, 3).map((item) => `${item.words} ${count(item.count)}`).join(", ");
      const raised = row.flags.map((flag) => `${flag.words} ${count(flag.count)}`).join(", ");
      return el("tr", {},
        el("td", {}, el("button", { class: "link", type: "button", onclick: () => jump({ prompt: row.name }) }, row.name)),
        el("td", { class: "num" }, el("b", {}, percent(row.kept, row.total))),
        el("td", { class: "wide" }, bar(`${count(row.kept)} of ${count(row.total)} kept`, parts, row.total)),
        el("td", { class: "num", "data-label": "kept" }, `${count(row.kept)} of ${count(row.total)}`),
        away ? el("td", { class: "num", "data-label": "routed away" }, count(row.routed_away)) : "",
        tokens ? el("td", { class: "num", "data-label": "tokens" }, count(row.tokens[0] + row.tokens[1])) : "",
        el("td", { class: raised ? "wide small" : "wide small nothing", "data-label": "flags:" }, raised || "none"),
        el("td", { class: often ? "wide small" : "wide small nothing", "data-label": "not kept:" }, often || "all kept"));
    });
    const heads = ["prompt", ["kept", "num"], "", ["rewrites", "num"], away ? ["routed away", "num"] : null, tokens ? ["tokens", "num"] : null, "flags", "most often not kept for"];
    return [el("h2", {}, data.steps.filter((each) => each.prompts.length).length > 1 ? `By prompt: ${step.name}` : "By prompt"),
      el("table", { class: "prompts" }, el("thead", {}, el("tr", {}, heads.filter((each) => each !== null).map((each) => Array.isArray(each) ? el("th", { class: each[1], scope: "col" }, each[0]) : el("th", { scope: "col" }, each)))), el("tbody", {}, rows)),
      el("p", { class: "legend" }, el("span", {}, el("i", { class: "kept" }), "kept"), el("span", {}, el("i", { class: "flagged" }), "flags raised on kept rows"), el("span", {}, el("i", { class: "lost" }), "not kept"))];
  }

  const share = (n) => (n === null || n === undefined ? "–" : `${(100 * n).toFixed(0)} %`);
  const interval = (found, places = 2) => (found?.value === null || found?.value === undefined ? "not known"
    : `${found.value.toFixed(places)} (${found.low.toFixed(places)} to ${found.high.toFixed(places)})`);

  // A table of counts, rows against columns; deeper where more rows lie.
  function matrix(rows, columns, labels, counts) {
    const most = Math.max(1, ...counts.flat());
    return el("table", { class: "matrix" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, `${rows} \\ ${columns}`), labels.map((name) => el("th", { class: "num", scope: "col" }, name)))),
      el("tbody", {}, counts.map((line, i) => el("tr", {}, el("th", { scope: "row" }, labels[i]),
        line.map((n) => {
          const cell = el("td", { class: "num" }, n ? count(n) : "·");
          if (n) cell.style.background = `color-mix(in srgb, var(--kept) ${Math.round((60 * n) / most)}%, var(--card))`;
          return cell;
        })))));
  }

  // What was asked for against what an annotator found: difficulty degradation, measured.
  function requests(step) {
    const { grades, difficulty, rounds, rows, of, level } = step.requests;
    const table = (heads, lines) => el("table", { class: "prompts" },
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { class: kind, scope: "col" }, name)))), el("tbody", {}, lines));
    const line = (name, entry) => el("tr", {}, el("td", {}, name), el("td", { class: "num" }, count(entry.pairs)),
      el("td", { class: "num" }, entry.requested.toFixed(2)), el("td", { class: "num" }, entry.achieved.toFixed(2)),
      el("td", { class: "num" }, el("b", {}, interval(entry.difference))), el("td", { class: "num" }, interval(entry.lower_bin)));
    const heads = (first) => [[first], ["questions", "num"], ["requested", "num"], ["annotated", "num"], ["difference", "num"], ["in a lower bin", "num"]];
    return [
      el("h2", {}, `Requested against annotated: ${step.name}`),
      el("p", { class: "soft small" }, `${count(rows)} of ${plural(of, "question", "questions")}; ${share(level)} intervals; a negative difference means easier than asked for.`),
      grades.pairs ? matrix("requested grade", "annotated", grades.labels, grades.counts) : "",
      grades.pairs ? el("p", { class: "soft small" }, `same grade ${interval(grades.exact)}, lower ${interval(grades.below)}`) : "",
      difficulty.length ? table(heads("mechanism"), difficulty.map((entry) => line(entry.mechanism, entry))) : "",
      rounds.length ? table(heads("round of hardening"), rounds.map((entry) => line(`round ${entry.round}`, entry))) : "",
    ];
  }

  // What refinement changed, by comparison of both versions.
  function refinements(step) {
    const { changes, rows, of, level } = step.refinements;
    return [
      el("h2", {}, `What refinement changed: ${step.name}`),
      el("p", { class: "soft small" }, `${count(rows)} of ${plural(of, "question", "questions")}; ${share(level)} intervals; a question may have changed in several ways.`),
      el("table", { class: "prompts" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "change"), el("th", { class: "num", scope: "col" }, "share of questions"))),
        el("tbody", {}, Object.entries(changes).map(([name, found]) => el("tr", {}, el("td", {}, name), el("td", { class: "num" }, interval(found)))))),
    ];
  }

  // What each stage of a curate step dropped, from which source, and example rows for every reason.
  function curation(step) {
    const { stages, sources, examples, contaminated, steering, difficulty } = step.curation;
    const said = (items) => items.map((item) => `${item.words} ${count(item.count)}`).join(", ");
    const shareBar = (row, of) => {
      const parts = [{ count: row.kept, words: "kept", kind: "kept" }, ...row.reasons.map((item, i) => ({ ...item, kind: `lost${i % 2 ? " even" : ""}` }))];
      return bar(`${count(row.kept)} of ${count(row.in)} ${of} kept`, parts, row.in);
    };
    const row = (item, name, extra) => el("tr", {},
      el("td", {}, name), el("td", { class: "num" }, el("b", {}, percent(item.kept, item.in))), el("td", { class: "wide" }, shareBar(item, "rows")),
      el("td", { class: "num", "data-label": "kept" }, `${count(item.kept)} of ${count(item.in)}`), extra,
      el("td", { class: item.reasons.length ? "wide small" : "wide small nothing", "data-label": "dropped:" }, said(item.reasons) || "all kept"));
    const table = (heads, rows) => el("table", { class: "prompts" },
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { class: kind, scope: "col" }, name)))), el("tbody", {}, rows));
    const counted = stages.filter((stage) => stage.counts.length);
    return [
      el("h2", {}, `Curation: ${step.name}`),
      table([["stage"], ["kept", "num"], [""], ["rows", "num"], ["CPU", "num"], ["dropped for"]],
        stages.map((stage) => row(stage, stage.label, el("td", { class: "num", "data-label": "CPU" }, duration(stage.seconds))))),
      counted.length ? el("details", { class: "small" }, el("summary", {}, "What the stages counted"),
        el("ul", { class: "lines" }, counted.map((stage) => el("li", {}, el("b", {}, stage.label), `: ${said(stage.counts)}${stage.more_counts ? `, and ${count(stage.more_counts)} more` : ""}`)))) : "",
      el("h3", { class: "after" }, "By source"),
      table([["source"], ["kept", "num"], [""], ["rows", "num"], ["characters", "num"], ["dropped for"]],
        sources.map((source) => row(source, source.name, el("td", { class: "num", "data-label": "characters" }, `${compact(source.characters_kept)} of ${compact(source.characters_in)}`)))),
      ...difficulty.flatMap((found) => [
        el("h3", { class: "after" }, "Difficulty measured twice"),
        el("p", { class: "soft small" }, `${plural(found.compared, "question", "questions")} with a rubric score and a solve rate; rank correlation ${interval(found.spearman)}; same bin ${share(found.confusion.exact)}.`),
        matrix("rubric", "by solve rate", ["D1", "D2", "D3", "D4", "D5"], found.confusion.counts),
      ]),
      ...steering.flatMap((loop) => [
        el("h3", { class: "after" }, `Target against achieved, round ${loop.planned.round}`),
        table([["cell"], ["target", "num"], ...loop.rounds.map((n) => [`after round ${n}`, "num"]), [""]],
          [...loop.cells.map((cell) => el("tr", {},
            el("td", {}, cell.cell), el("td", { class: "num" }, `${(100 * cell.target).toFixed(1)} %`),
            cell.achieved.map((part) => el("td", { class: "num" }, part === null ? "–" : `${(100 * part).toFixed(1)} %`)),
            el("td", { class: "wide" }, bar(`${cell.cell}: target ${(100 * cell.target).toFixed(1)} %`, [{ count: Math.round(1000 * cell.target), words: "per mille wanted", kind: "kept" }], 1000)))),
          el("tr", {}, el("td", {}, el("b", {}, "total variation")), el("td", {}), loop.distance.map((far) => el("td", { class: "num" }, el("b", {}, far === null ? "–" : far.toFixed(3)))), el("td", {}))]),
        el("p", { class: "soft small" }, `This round asks for ${plural(loop.planned.rows, "row", "rows")}; expected distance afterwards ${loop.planned.expected_distance === null ? "unknown" : loop.planned.expected_distance.toFixed(3)}.`),
      ]),
      ...(contaminated.length ? [
        el("h3", { class: "after" }, "Benchmark items found, the surest first"),
        table([["benchmark"], ["score", "num"], ["row"], ["what became of it"], ["what matched"]],
          contaminated.map((found) => el("tr", {},
            el("td", {}, `${found.benchmark} ${found.item}`), el("td", { class: "num" }, el("b", {}, found.score.toFixed(2))), el("td", {}, found.doc_id),
            el("td", {}, found.verdict.replaceAll("_", " ")), el("td", { class: "wide small" }, found.excerpt)))),
      ] : []),
      el("h3", { class: "after" }, "Example rows: what is kept, and each reason"),
      ...examples.map((each) => el("details", { class: "reason" },
        el("summary", {}, el("b", {}, count(each.count)), ` ${each.words}`, el("span", { class: "soft" }, each.meaning ? ` · ${each.meaning}` : "")),
        each.rows.map((example) => el("div", { class: "example" },
          el("p", { class: "soft small" }, `${example.doc_id} · ${example.source} · ${example.stage}${example.detail ? ` · ${example.detail}` : ""}`),
          el("pre", {}, example.text))))),
    ];
  }

  function costAndLicences() {
    const cost = data.cost;
    const items = [
      `${plural(cost.requests, "request", "requests")}${cost.failed ? `, ${count(cost.failed)} failed` : ""}${cost.answers_reused ? ` and ${plural(cost.answers_reused, "answer", "answers")} used again` : ""}`,
      `${count(cost.prompt_tokens)} prompt and ${count(cost.completion_tokens)} completion tokens`,
      `${duration(cost.seconds)}${cost.gpu_seconds ? `, ${duration(cost.gpu_seconds)} of GPU` : ""}`,
      `${money(cost.money)}, ${data.price}`,
    ];
    const sessions = (cost.sessions ?? []).map((each) => `${each.started}: ${plural(each.requests, "request", "requests")}, ${duration(each.seconds)}, ${each.ended}`);
    const licences = Object.entries(data.licences ?? {}).sort((a, b) => b[1] - a[1]);
    const lines = (texts) => el("ul", { class: "lines" }, texts.map((text) => el("li", {}, text)));
    return el("div", { class: "two" },
      el("div", {}, el("h2", {}, "Cost"), lines(items), sessions.length > 1 ? el("details", { class: "small" }, el("summary", {}, `${sessions.length} sessions`), lines(sessions)) : "", forecast()),
      el("div", {}, el("h2", {}, "Licences"), licences.length
        ? el("ul", { class: "inline" }, licences.map(([name, n]) => el("li", {}, name || "unknown", " ", el("b", {}, count(n)))))
        : el("p", { class: "soft" }, "No source names a licence.")));
  }

  // The forecast of `tilth estimate` beside what came out.
  function forecast() {
    const found = Object.entries(data.forecast ?? {});
    if (!found.length) return "";
    const figure = (n) => n.toLocaleString("en-GB", { maximumSignificantDigits: 4 });
    const inside = found.filter(([, item]) => item.hit).length;
    return el("details", { class: "small" }, el("summary", {}, `Forecast: ${inside} of ${found.length} quantities inside their 90 % interval`),
      el("ul", { class: "lines" }, found.map(([name, item]) => el("li", {}, `${name.replaceAll("_", " ")}: ${figure(item.actual)}, forecast ${figure(item.low)} to ${figure(item.high)}${item.hit ? "" : " (missed)"}`))));
  }

  // ---- the samples
  const FILTERS = [
    ["prompt", "every prompt", (row) => (row.prompt ? [row.prompt] : ["(not a document)"])],
    ["verdict", "every verdict", (row) => [row.verdict]],
    ["reason", "every reason", (row) => row.reasons],
    ["language", "every language", (row) => [row.source_language ?? "(not said)"]],
    ["licence", "every licence", (row) => [row.licence ?? "(not said)"]],
  ];
  const words = new Map(data.rows.flatMap((row) => row.reasons.map((reason, i) => [reason, row.words[i]])));
  const controls = {};
  let found = [];
  let shown = 0;
  let list, more, status;

  function samples() {
    const node = document.getElementById("samples");
    const bar_ = el("div", { class: "filters", role: "search" });
    for (const [name, all, of] of FILTERS) {
      const counts = new Map();
      for (const row of data.rows) for (const value of new Set(of(row))) counts.set(value, (counts.get(value) ?? 0) + 1);
      const select = el("select", { "data-filter": name, onchange: apply }, el("option", { value: "" }, all),
        [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([value, n]) => el("option", { value }, `${words.get(value) ?? value} (${n})`)));
      controls[name] = select;
      if (counts.size > 1) bar_.append(el("label", {}, el("span", {}, name), select));
    }
    let wait;
    controls.text = el("input", { type: "search", placeholder: "search texts, ids, reasons", "data-filter": "text", oninput: () => { clearTimeout(wait); wait = setTimeout(apply, 120); } });
    bar_.append(el("label", {}, el("span", {}, "search"), controls.text), el("button", { class: "button", type: "button", onclick: () => jump({}) }, "Reset"));
    status = el("span", { "aria-live": "polite" });
    const marks = el("input", { type: "checkbox", checked: true, onchange: (event) => list.classList.toggle("plain-marks", !event.target.checked) });
    list = el("div", { id: "list" });
    more = el("button", { class: "button more", type: "button", onclick: () => grow() }, "Show more");
    node.append(el("h2", { id: "samples-title" }, "Samples"),
      el("p", { class: "soft small" }, "Some rows of every prompt, verdict and reason, drawn at random with a fixed seed. Rewrites of the same document stand together."),
      bar_,
      el("div", { class: "status" }, status, el("label", {}, marks, el("span", {}, "mark what was ", el("mark", {}, "copied"), " (six words or twelve Chinese characters in a row)"))),
      list, more);
    if ("IntersectionObserver" in window) new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) grow(); }, { rootMargin: "600px" }).observe(more);
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const [name, control] of Object.entries(controls)) if (wanted.has(name)) control.value = wanted.get(name);
    apply();
  }

  function searchable(row) {
    row.search ??= [row.doc_id, row.sample_id, row.origin, row.detail, ...row.words, ...row.reasons, ...[...(row.source ?? []), ...(row.output ?? [])].map((part) => (Array.isArray(part) ? part.join("") : ""))].join("\n").toLowerCase();
    return row.search;
  }

  function apply() {
    const text = controls.text.value.trim().toLowerCase();
    found = data.rows.filter((row) => FILTERS.every(([name, , of]) => !controls[name].value || of(row).includes(controls[name].value)) && (!text || searchable(row).includes(text)));
    const hash = new URLSearchParams();
    for (const [name, control] of Object.entries(controls)) {
      control.classList.toggle("on", Boolean(control.value));
      if (control.value) hash.set(name, control.value);
    }
    const place = hash.toString();
    if (place !== location.hash.slice(1)) history.replaceState(null, "", place ? `#${place}` : location.pathname + location.search);
    status.textContent = found.length === data.rows.length ? `${plural(found.length, "row", "rows")}` : `${count(found.length)} of ${plural(data.rows.length, "row", "rows")}`;
    list.replaceChildren();
    shown = 0;
    if (!found.length) list.append(el("p", { class: "empty" }, data.rows.length ? "No row fits these filters." : "This run has no rows to show yet."));
    grow();
  }

  function grow() {
    const next = found.slice(shown, shown + PAGE).map((row) => card(row));
    list.append(...next);
    shown += next.length;
    more.hidden = shown >= found.length;
    for (const node of next) settle(node);
  }

  function jump(values) {
    for (const [name, control] of Object.entries(controls)) control.value = values[name] ?? "";
    apply();
    document.getElementById("samples").scrollIntoView();
  }

  // Only a text that does not fit gets a fade and a button; it is moved so that its first copied span is in sight.
  function settle(node) {
    const texts = [...node.querySelectorAll(".text")];
    for (const text of texts) {
      text.classList.toggle("cut", text.scrollHeight > text.clientHeight + 4);
      const mark = text.querySelector("mark");
      if (mark && mark.offsetTop > text.clientHeight * 0.6) {
        text.scrollTop = mark.offsetTop - 60;
        text.classList.add("moved");
      }
    }
    if (!texts.some((text) => text.classList.contains("cut"))) return;
    node.classList.add("long");
    const button = el("button", { class: "link", type: "button", "aria-expanded": "false", onclick: () => {
      const open = node.classList.toggle("open");
      button.textContent = open ? "Show less" : "Show all";
      button.setAttribute("aria-expanded", String(open));
    } }, "Show all");
    node.querySelector(".bottom").prepend(button);
  }

  function textOf(parts, language) {
    const node = el("div", { class: "text", dir: "auto", lang: language });
    for (const part of parts) {
      if (Array.isArray(part)) part.forEach((string, i) => string && (i % 2 ? node.append(el("mark", {}, string)) : write(node, string)));
      else node.append(el("span", { class: "out" }, `${plural(part, "character", "characters")} left out here`));
    }
    return node;
  }

  function card(row) {
    const why = row.words.join(", ");
    const rejected = row.verdict === "rejected";
    const title = rejected ? row.step : `${row.prompt}@${row.prompt_version}`;
    const meta = [row.source_language, row.licence, row.about?.title].filter(Boolean);
    const node = el("article", { class: row.output || rejected ? row.verdict : `${row.verdict} bare`, tabindex: "-1", "aria-label": `${row.verdict}: ${title}` });
    node.append(el("div", { class: "top" },
      el("span", { class: "verdict" }, `${SIGNS[row.verdict]} ${row.verdict}`), el("b", {}, title),
      why ? el("span", { class: "why" }, why, row.detail ? el("span", { class: "soft" }, ` · ${row.detail}`) : "") : "",
      el("span", { class: "meta soft small" }, meta.map((each) => el("span", {}, each)))));
    node.append(rejected ? rejectedBody(row) : pair(row));
    node.append(el("div", { class: "bottom" }, el("details", {}, el("summary", {}, "Where it came from"), facts(row))));
    return node;
  }

  function rejectedBody(row) {
    return el("div", { class: "pair single" }, el("div", { class: "side" }, el("h4", {}, el("b", {}, "what was seen")), row.source ? textOf(row.source) : el("p", { class: "none" }, "nothing that can be shown")));
  }

  function pair(row) {
    const cut = row.cut_to != null && row.source_chars != null && (row.cut_from > 0 || row.cut_to < row.source_chars);
    const said = cut ? ` characters ${count(row.cut_from)} to ${count(row.cut_to)} of ${count(row.source_chars)}` : row.source_chars != null ? ` ${plural(row.source_chars, "character", "characters")}` : "";
    const copied = row.copied >= 0.01 ? ` ${Math.round(row.copied * 100)} % copied` : "";
    return el("div", { class: "pair" },
      el("div", { class: "side" }, el("h4", {}, el("b", {}, "source"), said), row.source ? textOf(row.source, row.source_language) : el("p", { class: "none" }, "The source text is no longer in this run's dataset.")),
      el("div", { class: "side" }, el("h4", {}, el("b", {}, "output"), copied), row.output ? textOf(row.output, row.source_language) : el("p", { class: "none" }, "No text came back.")));
  }

  function facts(row) {
    const block = (title, items) => {
      const said = items.filter(([, value]) => value !== null && value !== undefined && value !== "");
      return said.length ? el("div", {}, el("h5", {}, title), el("dl", {}, said.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))) : "";
    };
    const cuts = { whole: "not cut", tokens: "cut at a token bound", bytes: "cut by bytes, a safe bound" };
    return el("div", { class: "facts" },
      block("Document", [["id", row.doc_id], ["origin", row.origin], ["position", row.position], ["licence", row.licence ?? "not said"], ["language", row.source_language], ["hash", row.source_hash], ...Object.entries(row.about ?? {})]),
      row.prompt ? block("What was asked", [["prompt", `${row.prompt}@${row.prompt_version}`], ["instruction", row.instruction], ["window", row.windows > 1 ? `${row.window + 1} of ${row.windows}` : null], ["cut", cuts[row.cut_how] ?? row.cut_how], ...Object.entries(row.slots ?? {})]) : "",
      row.prompt ? block("Who answered", [["engine", row.engine_version?.startsWith(row.engine) ? row.engine_version : [row.engine, row.engine_version].filter(Boolean).join(" ")], ["model", row.model ?? "none"], ["revision", row.revision], ["seed", row.seed], ["finish", row.finish_reason], ["tokens", row.prompt_tokens != null ? `${count(row.prompt_tokens)} in, ${count(row.completion_tokens)} out` : null], ["tries", row.tries], ["sample", row.sample_id], ["request", row.request_id]]) : "",
      block("Measured", Object.entries(row.signals ?? {})));
  }

  // j and k walk through the samples, / goes to the search
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      if (event.key === "Escape" && event.target === controls.text) event.target.blur();
      return;
    }
    if (event.key === "/") { event.preventDefault(); controls.text.focus(); return; }
    if (event.key !== "j" && event.key !== "k") return;
    let cards = [...list.querySelectorAll("article")];
    const at = cards.findIndex((each) => each.contains(document.activeElement));
    const next = at + (event.key === "j" ? 1 : -1);
    if (next >= cards.length) { grow(); cards = [...list.querySelectorAll("article")]; }
    const node = cards[Math.max(next, 0)];
    if (node) { node.focus({ preventScroll: true }); node.scrollIntoView({ block: "start" }); }
  }

  head();
  ledger();
  const onlyCurated = !data.rows.length && data.steps.some((step) => step.curation);
  samples();
  document.getElementById("samples").hidden = onlyCurated; // such a page has its rows under each reason
  document.getElementById("foot").append(onlyCurated ? "" :
    el("p", {}, el("kbd", {}, "j"), " and ", el("kbd", {}, "k"), " walk through the samples, ", el("kbd", {}, "/"), " goes to the search. The address keeps the filters."),
    el("p", {}, `Marks show runs of words that source and output share, whatever their case and punctuation. Row choice: seed ${data.seed}. This page fetches nothing.`));
  document.addEventListener("keydown", keys);
})();
