/* The explorer: a form, what comes of it, and a picture of the window.  The address holds the form. */
(function () {
  "use strict";

  const shapes = globalThis.cyconvShapes;
  const calls = globalThis.cyconvCalls;
  const place = document.getElementById("cyconv-explorer");
  if (!place || !shapes || !calls) return;
  const { repr, grouped, binarySize, product } = shapes;

  // -- What can be asked ------------------------------------------------------------------------------------------

  const OPS = {};
  const add = (op, family, ndim, group) => (OPS[op] = { op, family, ndim, group });
  for (const n of [1, 2, 3]) add(`conv${n}d`, "conv", n, "Convolution");
  add("depthwise_conv2d", "depthwise", 2, "Convolution");
  for (const n of [1, 2, 3]) add(`conv_transpose${n}d`, "transposed", n, "Transposed convolution");
  for (const family of ["max", "avg", "adaptive_max", "adaptive_avg"]) {
    for (const n of [1, 2, 3]) {
      add(`${family}_pool${n}d`, family, n, family.startsWith("adaptive") ? "Adaptive pool" : "Pool");
    }
  }
  const isTransposed = (o) => o.family === "transposed";
  const isConv = (o) => o.family === "conv" || o.family === "depthwise" || isTransposed(o);
  const hasFilters = (o) => o.family === "conv" || isTransposed(o);
  const isAdaptive = (o) => o.family.startsWith("adaptive");
  const slides = (o) => !isAdaptive(o);

  const FIELDS = [
    { name: "op", label: "Operation", usual: "conv2d", choices: null, on: () => true },
    { name: "n", label: "Batch", usual: "1", hint: "samples", number: true, on: (o, s) => s.layout.startsWith("N") },
    { name: "size", label: "Input size", usual: "7,7", hint: "one number, or one for each axis", on: () => true },
    { name: "c", label: "Channels", usual: "3", hint: "of the input", number: true, on: () => true },
    { name: "filters", label: "Filters", usual: "8", hint: "channels of the output", number: true,
      on: hasFilters },
    { name: "multiplier", label: "Multiplier", usual: "1", hint: "filters for each channel", number: true,
      on: (o) => o.family === "depthwise" },
    { name: "kernel", label: "Kernel size", usual: "3", hint: "3 or 3,5", on: slides },
    { name: "output", label: "Output size", usual: "3", hint: "3, 3,5 or none", on: isAdaptive },
    { name: "stride", label: "Stride", usual: "", hint: "", on: slides },
    { name: "padding", label: "Padding", usual: "valid", hint: "a word, 1 or 1,2 or 0:1,1:1", on: slides },
    { name: "extra", label: "Output padding", usual: "0", hint: "what comes on top behind", on: isTransposed },
    { name: "target", label: "Output size", usual: "none", hint: "instead of the output padding", on: isTransposed },
    { name: "dilation", label: "Dilation", usual: "1", hint: "1: without gaps", on: slides },
    { name: "groups", label: "Groups", usual: "1", hint: "parts of the channels", number: true,
      on: hasFilters },
    { name: "layout", label: "Layout", usual: "NHWC", choices: null, on: () => true },
    { name: "dtype", label: "Element type", usual: "float32", choices: Object.keys(shapes.ITEMSIZE), on: () => true },
    { name: "bias", label: "Bias", usual: "1", check: true, on: isConv },
    { name: "ceil", label: "ceil_mode", usual: "0", check: true, on: (o) => slides(o) && !isConv(o) },
  ];
  const USUAL = Object.fromEntries(FIELDS.map((f) => [f.name, f.usual]));

  const EXAMPLES = [
    ["3 x 3 'same', stride 2: an odd total of padding", "op=conv2d&size=8,8&stride=2&padding=same"],
    ["Where the channels go: 128 x 128 x 3, 24 filters of 8 x 8, stride 2",
      "op=conv2d&size=128,128&filters=24&kernel=8&stride=2"],
    ["CIFAR-10: 32 filters of 3 x 3, 'same'", "op=conv2d&size=32,32&filters=32&kernel=3&padding=same"],
    ["The second layer: 64 filters over 32 maps", "op=conv2d&size=26,26&c=32&filters=64&kernel=3"],
    ["A pool 'same' with stride 1 makes nothing smaller",
      "op=max_pool2d&size=25,20&c=15&kernel=2&stride=1&padding=same"],
    ["A pool with a rest: ceil_mode", "op=max_pool2d&size=8,8&kernel=3&stride=3&ceil=1"],
    ["Dilation 2: a 3 x 3 kernel that spans 5 x 5", "op=conv2d&size=9,9&dilation=2"],
    ["Time as channels: 16 pictures of 1024 x 1024", "op=conv2d&size=1024,1024&c=16&filters=1&kernel=5&padding=same"],
    ["Time as an axis: the same 16 pictures as a volume",
      "op=conv3d&size=16,1024,1024&c=1&filters=1&kernel=5&padding=same"],
    ["A causal convolution along time", "op=conv1d&size=12&c=2&filters=4&kernel=3&dilation=2&padding=causal"],
    ["An adaptive pool: windows of several sizes", "op=adaptive_avg_pool2d&size=7,10&output=3,4"],
    ["Twice as large: a transposed convolution with stride 2",
      "op=conv_transpose2d&size=7,7&c=16&filters=8&kernel=3&stride=2&padding=same"],
    ["The way back: which of two sizes is meant", "op=conv_transpose2d&size=3,3&stride=2&padding=1&target=5,6"],
    ["A kernel that does not fit", "op=conv2d&size=5,5&kernel=7"],
  ];

  const layoutNames = (n) => {
    const axes = shapes.AXES[n];
    return [`N${axes}C`, `NC${axes}`, `${axes}C`, `C${axes}`];
  };
  const layoutIndex = (name) => (/^N/i.test(name) ? 0 : 2) + (/C$/i.test(name) ? 0 : 1);

  // -- From texts to numbers, and from numbers to what cyconv says ------------------------------------------------

  const number = (text) => (/^[+-]?\d+$/.test(text.trim()) ? BigInt(text.trim()) : text.trim());

  /* "3", "3,5", "(3, 5)" or, for the padding, "0:1,1:1" and "((0, 1), (1, 1))". */
  function numbers(text, pairs = false) {
    let t = text.trim();
    if (pairs) t = t.replace(/\(\s*([^(),]*?)\s*,\s*([^(),]*?)\s*\)(?=\s*(,|\)))/g, "$1:$2");
    t = t.replace(/^[([]|[)\]]$/g, "").trim();
    const one = (s) => (pairs && s.includes(":") ? s.split(":").map(number) : number(s));
    if (!t.includes(",") && !(pairs && t.includes(":"))) return one(t);
    return t.replace(/,\s*$/, "").split(",").map(one);
  }

  /* The same, in which "none" stands for None. */
  function sizes(text) {
    const none = (v) => (typeof v === "string" && v.toLowerCase() === "none" ? null : v);
    const value = numbers(text);
    return Array.isArray(value) ? value.map(none) : none(value);
  }

  const list = (value, n) => (Array.isArray(value) ? value : Array(n).fill(value));

  /* The result of a state: { c, r } or { error }. */
  function answer(state) {
    const o = OPS[state.op];
    try {
      const c = { ...o, dtype: state.dtype, bias: state.bias === "1", ceilMode: state.ceil === "1" && !isConv(o) };
      const count = (label, text, least = 0n) => shapes.integer(o.op, label, number(text), least, false);
      const layout = shapes.layoutOf(o.op, state.layout, o.ndim);
      const batch = layout.batched ? count("batch", state.n) : null;
      const channels = count("channels", state.c);
      const x = layout.join(batch, channels, list(numbers(state.size), o.ndim));
      const options = { dtype: c.dtype, layout: layout.name, bias: c.bias, ceilMode: c.ceilMode };
      if (isAdaptive(o)) {
        c.outputSize = sizes(state.output);
        return { c, r: shapes.adaptive(o.op, o.ndim, x, c.outputSize, options) };
      }
      options.stride = state.stride.trim() ? numbers(state.stride) : isConv(o) ? 1n : null;
      options.dilation = numbers(state.dilation);
      options.padding = c.padding = numbers(state.padding, true);
      if (!isConv(o)) return { c, r: shapes.pool(o.op, o.ndim, x, numbers(state.kernel), options) };
      const kernel = shapes.perAxis(o.op, "kernel_size", numbers(state.kernel), o.ndim, 0n);
      if (o.family === "depthwise") {
        c.multiplier = count("multiplier", state.multiplier);
        return { c, r: shapes.depthwise(o.op, x, kernel, c.multiplier, options) };
      }
      options.groups = count("groups", state.groups, 1n);
      const filters = count("filters", state.filters);
      if (isTransposed(o)) {
        options.outputPadding = numbers(state.extra);
        options.outputSize = c.outputSize = sizes(state.target);
        if (filters % options.groups) {
          // Never said by cyconv.shapes, which is given the shape of a kernel.
          throw shapes.valueError(`${o.op}: groups=${options.groups} must divide the ${filters} filters`);
        }
        const w = layout.weights(kernel, filters / options.groups, channels);
        return { c, r: shapes.transposed(o.op, x, w, options) };
      }
      const w = layout.weights(kernel, channels / options.groups, filters);
      return { c, r: shapes.conv(o.op, x, w, options) };
    } catch (error) {
      if (error instanceof shapes.Refusal) return { error };
      throw error;
    }
  }

  // -- The address ------------------------------------------------------------------------------------------------

  const shown = (state) => FIELDS.filter((f) => f.on(OPS[state.op], state));

  function toHash(state) {
    const parts = shown(state)
      .filter((f) => f.name === "op" || (f.name === "layout" ? layoutIndex(state.layout) : state[f.name] !== f.usual))
      .map((f) => `${f.name}=${encodeURIComponent(state[f.name]).replace(/%2C/g, ",").replace(/%3A/g, ":")}`);
    return `#${parts.join("&")}`;
  }

  /* Texts from the address are only ever compared, parsed as numbers, or shown as text. */
  function fromHash(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    if (!given.has("op")) return null;
    const state = { ...USUAL };
    for (const f of FIELDS) if (given.has(f.name)) state[f.name] = given.get(f.name).slice(0, 200);
    if (!Object.hasOwn(OPS, state.op)) state.op = USUAL.op;
    if (!Object.hasOwn(shapes.ITEMSIZE, state.dtype)) state.dtype = USUAL.dtype;
    for (const name of ["bias", "ceil"]) if (!["0", "1"].includes(state[name])) state[name] = USUAL[name];
    state.layout = layoutNames(OPS[state.op].ndim)[given.has("layout") ? layoutIndex(state.layout) : 0];
    return state;
  }

  // -- Elements ---------------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "class") node.setAttribute("class", value);
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : String(value));
    }
    for (const child of children) node.append(child);
    return node;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  let state = fromHash(location.hash) || { ...USUAL, size: "6,6", padding: "same" };
  const inputs = {};
  const boxes = {};

  function control(f) {
    const id = `explorer-${f.name}`;
    const hinted = f.hint || f.name === "stride"; // that of the stride changes
    const common = { id, name: f.name, autocomplete: "off", "aria-describedby": hinted ? `${id}-hint` : null };
    let input;
    if (f.check) input = el("input", { ...common, type: "checkbox" });
    else if (f.name === "op") {
      input = el("select", common);
      for (const group of new Set(Object.values(OPS).map((o) => o.group))) {
        const options = Object.values(OPS).filter((o) => o.group === group);
        input.append(el("optgroup", { label: group }, ...options.map((o) => el("option", { value: o.op }, o.op))));
      }
    } else if (f.name === "layout" || f.choices) {
      input = el("select", common, ...(f.choices || []).map((c) => el("option", { value: c }, c)));
    } else {
      const words = f.name === "padding" ? "explorer-words" : null;
      const mode = f.number ? "numeric" : null;
      input = el("input", { ...common, type: "text", inputmode: mode, list: words, spellcheck: "false" });
    }
    input.addEventListener(f.check || input.tagName === "SELECT" ? "change" : "input", () => edited(f));
    inputs[f.name] = input;
    const label = el("label", { for: id }, f.label);
    const hint = hinted ? el("span", { id: `${id}-hint`, class: "hint" }, f.hint) : "";
    const both = f.check ? [input, label] : [label, input];
    boxes[f.name] = el("div", { class: `field ${f.check ? "check" : f.name === "op" ? "two" : ""}` }, ...both, hint);
    return boxes[f.name];
  }

  const form = el("form", { class: "form", "aria-label": "What to compute", onsubmit: (e) => e.preventDefault() });
  const examples = el(
    "select", { id: "explorer-example" }, el("option", { value: "" }, "choose one"),
    ...EXAMPLES.map(([label], i) => el("option", { value: i }, label))
  );
  examples.addEventListener("change", () => {
    if (examples.value) load(fromHash(EXAMPLES[Number(examples.value)][1]));
  });
  const words = el("datalist", { id: "explorer-words" });
  form.append(
    el("div", { class: "field wide" }, el("label", { for: "explorer-example" }, "Example"), examples),
    ...FIELDS.map(control),
    words
  );

  const headline = el("p", { class: "headline" });
  const problem = el("p", { class: "problem", hidden: true });
  const table = el("table", { class: "numbers" });
  const steps = el("div", { class: "steps" });
  const picture = el("div", { class: "picture" });
  const texts = el("div", { class: "calls" });
  const status = el("p", { class: "quiet", role: "status" });
  const link = () => location.href.replace(/#.*/, "") + toHash(state);
  const copyLink = el("button", { type: "button", onclick: () => copy(copyLink, link) }, "Copy link");
  const section = (title, ...children) => el("section", { "aria-label": title }, el("h2", {}, title), ...children);
  const pictureSection = section("The window", picture);
  const stepsSection = section("Where the size comes from", steps);
  const tableSection = section("What it costs", el("div", { class: "scroll" }, table));
  const callsSection = section("The call", texts);
  place.replaceChildren(
    form,
    el("div", { class: "answer" }, headline, problem, copyLink),
    pictureSection, stepsSection, tableSection, callsSection, status
  );

  // -- What changes -----------------------------------------------------------------------------------------------

  function edited(f) {
    const before = OPS[state.op];
    state[f.name] = f.check ? (inputs[f.name].checked ? "1" : "0") : inputs[f.name].value;
    if (f.name === "op") {
      const { ndim } = OPS[state.op];
      if (ndim !== before.ndim) {
        state.layout = layoutNames(ndim)[layoutIndex(state.layout)];
        for (const name of ["size", "kernel", "stride", "padding", "dilation", "output", "extra", "target"]) {
          state[name] = withAxes(state[name], ndim);
        }
      }
    }
    examples.value = "";
    refresh();
  }

  /* As many numbers as there are axes, if there are several. */
  function withAxes(text, ndim) {
    if (/[()[\]]/.test(text) || !/[,:]/.test(text)) return text;
    const parts = text.split(",");
    while (parts.length < ndim) parts.push(parts[parts.length - 1]);
    return parts.slice(0, ndim).join(",");
  }

  function load(next) {
    state = next;
    refresh();
  }

  let timer = 0;
  let writing = 0;

  function writeHash() {
    const hash = toHash(state);
    if (location.hash === hash) return;
    try {
      history.replaceState(null, "", hash);
    } catch {
      location.replace(hash);
    }
  }

  function refresh(first = false) {
    const o = OPS[state.op];
    const names = layoutNames(o.ndim);
    if ([...inputs.layout.options].map((p) => p.value).join() !== names.join()) {
      inputs.layout.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    }
    boxes.stride.querySelector(".hint").textContent = isConv(o) ? "empty: 1" : "empty: as the kernel";
    const known = isTransposed(o) ? shapes.CROPS : shapes.WORDS;
    if (words.children.length !== known.length) {
      words.replaceChildren(...known.map((word) => el("option", { value: word })));
    }
    inputs.stride.placeholder = isConv(o) ? "1" : state.kernel;
    const visible = new Set(shown(state));
    for (const f of FIELDS) {
      boxes[f.name].hidden = !visible.has(f);
      if (f.check) inputs[f.name].checked = state[f.name] === "1";
      else if (inputs[f.name].value !== state[f.name]) inputs[f.name].value = state[f.name];
    }
    if (!first) {
      clearTimeout(writing);
      writing = setTimeout(writeHash, 150);
    }
    const { c, r, error } = answer(state);
    problem.hidden = !error;
    headline.hidden = copyLink.hidden = Boolean(error);
    for (const s of [pictureSection, stepsSection, tableSection, callsSection]) s.hidden = Boolean(error);
    player.stop();
    if (error) {
      problem.replaceChildren(el("strong", {}, error.kind), `: ${error.message}`);
      announce(`${error.kind}: ${error.message}`);
      return;
    }
    headline.replaceChildren(
      el("code", { id: "explorer-input" }, repr(r.x)),
      ...(c.op.includes("conv") ? [" with ", el("code", { id: "explorer-weights" }, repr(r.given || r.w))] : []),
      " gives ",
      el("code", { id: "explorer-shape", class: "result" }, repr(r.shape)),
      el("span", { class: "hint" }, ` (${r.layout.name}${c.op.includes("conv") ? `, kernel ${r.layout.kernel}` : ""})`)
    );
    showSteps(c, r);
    showTable(c, r);
    showCalls(c, r);
    showPicture(c, r);
    announce(`Output ${repr(r.shape)}, ${grouped(r.cost.params)} parameters, ${grouped(r.cost.macs)} multiply-adds`);
  }

  function announce(text) {
    clearTimeout(timer);
    timer = setTimeout(() => (status.textContent = text), 600);
  }

  // -- Formulas ---------------------------------------------------------------------------------------------------

  function showSteps(c, r) {
    const groups = [];
    r.outs.forEach((_, a) => {
      const lines = isAdaptive(c)
        ? adaptiveLines(r, a)
        : isTransposed(c) ? transposedLines(c, r, a) : slidingLines(c, r, a);
      const key = JSON.stringify(lines);
      const known = groups.find((g) => g.key === key);
      if (known) known.axes.push(r.layout.axes[a]);
      else groups.push({ key, lines, axes: [r.layout.axes[a]] });
    });
    steps.replaceChildren(
      ...groups.map((g) => {
        const last = g.axes[g.axes.length - 1];
        const axes = g.axes.length > 1 ? `${g.axes.slice(0, -1).join(", ")} and ${last}` : last;
        return el("div", { class: "axis" }, el("h3", {}, `Along ${axes}`), ...g.lines.map(formula));
      }),
      ...totals(c, r)
    );
  }

  function formula([symbol, ...stages]) {
    const line = el("p", { class: "equation" }, el("var", {}, symbol));
    stages.forEach((stage, i) => {
      line.append(el("span", { class: i + 1 === stages.length ? "stage value" : "stage" }, ` = ${stage}`));
    });
    return line;
  }

  function slidingLines(c, r, a) {
    const [n, k, s, d] = [r.lengths[a], r.kernel[a], r.stride[a], r.dilation[a]];
    const [[before, after], out] = [r.pads[a], r.outs[a]];
    const extent = (k - 1n) * d + 1n;
    const lines = [["extent", "(kernel - 1) * dilation + 1", `(${k} - 1) * ${d} + 1`, `${extent}`]];
    const word = typeof c.padding === "string" ? c.padding.toLowerCase() : "";
    if (word === "same" || word === "same_lower") {
      const wanted = (n + s - 1n) / s;
      const [less, more] = word === "same" ? ["before", "after"] : ["after", "before"];
      const total = before + after;
      lines.push(
        ["wanted", "ceil(length / stride)", `ceil(${n} / ${s})`, `${wanted}`],
        ["total", "max((wanted - 1) * stride + extent - length, 0)",
          `max((${wanted} - 1) * ${s} + ${extent} - ${n}, 0)`, `${total}`],
        [less, "floor(total / 2)", `floor(${total} / 2)`, `${total / 2n}`],
        [more, `total - ${less}`, `${total} - ${total / 2n}`, `${total - total / 2n}`]
      );
    } else if (word === "full" || word === "causal") {
      lines.push(["before", "extent - 1", `${extent} - 1`, `${before}`]);
      lines.push(["after", ...(word === "full" ? ["extent - 1", `${extent} - 1`] : []), `${after}`]);
    } else lines.push(["before", `${before}`], ["after", `${after}`]);
    const rest = n + before + after - extent;
    const round = c.ceilMode ? "ceil" : "floor";
    const whole = (c.ceilMode ? (rest + s - 1n) / s : rest / s) + 1n;
    lines.push([
      "out", `${round}((length + before + after - extent) / stride) + 1`,
      `${round}((${n} + ${before} + ${after} - ${extent}) / ${s}) + 1`, `${round}(${rest} / ${s}) + 1`, `${whole}`,
    ]);
    if (whole !== out) {
      lines.push([
        "out", "out - 1, since the last window would begin behind the input,",
        `at (${whole} - 1) * ${s} = ${(whole - 1n) * s}, and length + before`, `${n + before}: ${out}`,
      ]);
    }
    return lines;
  }

  function transposedLines(c, r, a) {
    const [n, k, s, d] = [r.lengths[a], r.kernel[a], r.stride[a], r.dilation[a]];
    const [[before, after], extra, out] = [r.pads[a], r.more[a], r.outs[a]];
    const extent = (k - 1n) * d + 1n;
    const span = (n - 1n) * s + extent;
    const lines = [
      ["extent", "(kernel - 1) * dilation + 1", `(${k} - 1) * ${d} + 1`, `${extent}`],
      ["span", "(length - 1) * stride + extent", `(${n} - 1) * ${s} + ${extent}`, `${span}`],
    ];
    const word = typeof c.padding === "string" ? c.padding.toLowerCase() : "";
    const asked = r.outputSize[a] !== null;
    if (word === "same" || word === "same_lower") {
      const [less, more] = word === "same" ? ["before", "after"] : ["after", "before"];
      const total = before + after;
      lines.push(
        asked ? ["wanted", "output size", `${out}`] : ["wanted", "length * stride", `${n} * ${s}`, `${out}`],
        ["total", "max(span - wanted, 0)", `max(${span} - ${out}, 0)`, `${total}`],
        [less, "floor(total / 2)", `floor(${total} / 2)`, `${total / 2n}`],
        [more, `total - ${less}`, `${total} - ${total / 2n}`, `${total - total / 2n}`],
        ["output padding", "wanted - (span - total)", `${out} - (${span} - ${total})`, `${extra}`]
      );
    } else {
      lines.push(["before", `${before}`], ["after", `${after}`]);
      const rest = `${span} - ${before} - ${after}`;
      lines.push(
        asked
          ? ["output padding", "output size - (span - before - after)", `${out} - (${rest})`, `${extra}`]
          : ["output padding", `${extra}`]
      );
    }
    lines.push([
      "out", "span - before - after + output padding", `${span} - ${before} - ${after} + ${extra}`, `${out}`,
    ]);
    return lines;
  }

  function adaptiveLines(r, a) {
    const [n, out] = [r.lengths[a], r.outs[a]];
    const last = shapes.poolWindow(out - 1n, n, out);
    return [
      ["start of window i", "floor(i * length / out)", `floor(i * ${n} / ${out})`,
        `0 for the first, ${last[0]} for the last`],
      ["its end", "ceil((i + 1) * length / out)", `ceil((i + 1) * ${n} / ${out})`,
        `${shapes.poolWindow(0n, n, out)[1]} for the first, ${last[1]} for the last`],
      ["out", `${out}`],
    ];
  }

  function totals(c, r) {
    const places = [r.batch === null ? 1n : r.batch, ...r.outs].join(" * ");
    if (!isConv(c)) {
      if (isAdaptive(c)) {
        const why = "Elements of all windows along an axis together: length + out - gcd(length, out)";
        return [el("div", { class: "axis" }, el("h3", {}, "Operations"), el("p", { class: "hint" }, `${why}.`),
          formula(["flops", [r.batch === null ? 1n : r.batch, r.channels, ...r.along].join(" * "),
            grouped(r.cost.flops)]))];
      }
      return [el("div", { class: "axis" }, el("h3", {}, "Operations"),
        formula(["flops", "outputs * elements of a window", `${places} * ${r.channels} * (${r.kernel.join(" * ")})`,
          grouped(r.cost.flops)]))];
    }
    if (isTransposed(c)) {
      const shared = r.groups === 1n ? "" : " of its group";
      const copy = [...r.kernel, r.filters / r.groups].join(" * ");
      const why =
        `Each of the ${r.channels} channels of the input has a kernel for each channel of the output${shared}:` +
        ` ${copy} weights.  Each number of the input puts a copy of them, multiplied with it, into the output, and` +
        " copies that overlap are added.";
      return [
        el("div", { class: "axis" }, el("h3", {}, "Parameters and multiply-adds"), el("p", { class: "hint" }, why),
          formula(["params", `channels * weights of a channel${c.bias ? " + filters" : ""}`,
            `${r.channels} * (${copy})${c.bias ? ` + ${r.filters}` : ""}`, grouped(r.cost.params)]),
          formula(["macs", "inputs * weights of a channel",
            `${[r.batch === null ? 1n : r.batch, ...r.lengths, r.channels].join(" * ")} * (${copy})`,
            grouped(r.cost.macs)])),
      ];
    }
    const terms = `${[...r.kernel, r.groups ? r.channels / r.groups : 0n].join(" * ")}`;
    const why =
      r.groups === 1n
        ? `A filter spans all channels and sums over them: ${terms} weights.  That is why the ${r.channels} channels` +
          " of the input are not in the shape of the output; its channels are the filters."
        : `A filter spans the ${r.channels / r.groups} channels of its group and sums over them: ${terms} weights.`;
    return [
      el("div", { class: "axis" }, el("h3", {}, "Parameters and multiply-adds"), el("p", { class: "hint" }, why),
        formula(["params", `filters * (weights of a filter${c.bias ? " + 1" : ""})`,
          `${r.filters} * (${terms}${c.bias ? " + 1" : ""})`, grouped(r.cost.params)]),
        formula(["macs", "outputs * weights of a filter", `${places} * ${r.filters} * (${terms})`,
          grouped(r.cost.macs)])),
    ];
  }

  // -- Numbers ----------------------------------------------------------------------------------------------------

  function showTable(c, r) {
    const matrix = isTransposed(c) ? "Matrix of all copies" : isConv(c) ? "im2col matrix" : "Matrix of all windows";
    const rows = [
      ["params", "Parameters", r.cost.params, ""],
      ["macs", "Multiply-adds", r.cost.macs, ""],
      ["flops", "Operations (FLOPs)", r.cost.flops, ""],
      ...[
        ["input-bytes", "Bytes of the input", r.cost.inputBytes],
        ["weight-bytes", "Bytes of the parameters", r.cost.weightBytes],
        ["output-bytes", "Bytes of the output", r.cost.outputBytes],
        ["bytes", "Bytes read and written", r.cost.bytes],
        ["im2col-bytes", `${matrix}, not built`, r.cost.im2colBytes],
      ].map(([id, label, n]) => [id, label, n, binarySize(n)]),
    ];
    table.replaceChildren(
      el("tbody", {}, ...rows.map(([id, label, n, size]) =>
        el("tr", {},
          el("th", { scope: "row" }, label), el("td", { id: `explorer-${id}` }, grouped(n)), el("td", {}, size))
      ))
    );
  }

  // -- Calls ------------------------------------------------------------------------------------------------------

  const LIBRARIES = [["cyconv", "cyconv"], ["keras", "Keras"], ["torch", "PyTorch"], ["onnx", "ONNX"]];

  function showCalls(c, r) {
    texts.replaceChildren(
      ...LIBRARIES.map(([name, title]) => {
        const { code, reason } = calls[name](c, r);
        const id = `explorer-call-${name}`;
        const head = el("div", { class: "head" }, el("h3", { id: `${id}-title` }, title));
        if (!code) return el("div", { class: "call" }, head, el("p", { class: "hint", id }, reason));
        const button = el("button", { type: "button", "aria-label": `Copy the ${title} call` }, "Copy");
        button.addEventListener("click", () => copy(button, () => code));
        head.append(button);
        return el("div", { class: "call" }, head,
          el("pre", { id, tabindex: "0", role: "region", "aria-labelledby": `${id}-title` }, el("code", {}, code)));
      })
    );
  }

  async function copy(button, text) {
    const label = button.textContent;
    let done = true;
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      const area = el("textarea", { class: "quiet", "aria-hidden": "true" });
      area.value = text();
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = done ? "Copied" : "Not copied";
    status.textContent = done ? "Copied" : "Copying was refused; select the text instead";
    setTimeout(() => (button.textContent = label), 1500);
  }

  // -- The picture ------------------------------------------------------------------------------------------------

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const MOST = 100000000n; // outputs, and elements along an axis, beyond which nothing is drawn

  /* Where the window of output i along axis a begins, how many elements it has, and how far apart. */
  function windowAt(c, r, a, i) {
    if (isAdaptive(c)) {
      const [start, end] = shapes.poolWindow(BigInt(i), r.lengths[a], r.outs[a]).map(Number);
      return { start, count: end - start, step: 1, end };
    }
    const start = i * Number(r.stride[a]) - Number(r.pads[a][0]);
    const count = Number(r.kernel[a]);
    const step = Number(r.dilation[a]);
    return { start, count, step, end: start + (count - 1) * step + 1 };
  }

  /* A plane of cells to scale: rows and columns with what lies around them. */
  function plane(rows, cols, most, label) {
    const span = (axis) => axis.to - axis.from;
    const cell = Math.min(26, most / span(cols), most / span(rows));
    const sx = Math.max(cell, Math.min(14 / span(cols), 26));
    const sy = Math.max(cell, Math.min(14 / span(rows), 26));
    const X = (x) => (x - cols.from) * sx + 2;
    const Y = (y) => (y - rows.from) * sy + 2;
    const width = span(cols) * sx + 4;
    const height = span(rows) * sy + 4;
    const box = (x0, x1, y0, y1) => `M${X(x0)} ${Y(y0)}H${X(x1)}V${Y(y1)}H${X(x0)}Z`;
    const viewBox = `0 0 ${width} ${height}`;
    const node = svg("svg", { viewBox, width, height, class: "plane", "aria-hidden": "true" });
    const put = (cls, d) => {
      const path = svg("path", { class: cls, d: d || "M0 0" });
      node.append(path);
      return path;
    };
    if (rows.to > rows.padTo || cols.to > cols.padTo) put("beyond", box(cols.from, cols.to, rows.from, rows.to));
    put("padding", box(cols.from, cols.padTo, rows.from, rows.padTo));
    put("input", box(0, cols.length, 0, rows.length));
    const layers = { done: put("done"), cells: put("cells") };
    if (Math.min(sx, sy) >= 4) {
      let d = "";
      for (let x = cols.from + 1; x < cols.padTo; x++) d += `M${X(x)} ${Y(rows.from)}V${Y(rows.padTo)}`;
      for (let y = rows.from + 1; y < rows.padTo; y++) d += `M${X(cols.from)} ${Y(y)}H${X(cols.padTo)}`;
      put("lines", d);
    }
    if (cols.length && rows.length) put("edge", box(0, cols.length, 0, rows.length));
    layers.frame = put("frame");
    return { node: el("figure", { class: "cellplane" }, node, label ? el("figcaption", {}, label) : ""), box, layers };
  }

  const NOTHING = { start: 0, count: 1, step: 1, end: 1 };

  function showWindow(p, y, x, visible) {
    if (!visible) {
      p.layers.cells.setAttribute("d", "M0 0");
      p.layers.frame.setAttribute("d", "M0 0");
      return;
    }
    let d = "";
    if (y.count * x.count <= 1024) {
      for (let i = 0; i < y.count; i++) {
        for (let j = 0; j < x.count; j++) {
          const [top, left] = [y.start + i * y.step, x.start + j * x.step];
          d += p.box(left, left + 1, top, top + 1);
        }
      }
    } else d = p.box(x.start, x.end, y.start, y.end);
    p.layers.cells.setAttribute("d", d);
    p.layers.frame.setAttribute("d", p.box(x.start, x.end, y.start, y.end));
  }

  function showDone(p, place, cols) {
    const [y, x] = [Math.floor(place / cols), place % cols];
    let d = "";
    if (y) d += p.box(0, cols, 0, y);
    if (x) d += p.box(0, x, y, y + 1);
    p.layers.done.setAttribute("d", d || "M0 0");
    p.layers.cells.setAttribute("d", p.box(x, x + 1, y, y + 1));
    p.layers.frame.setAttribute("d", p.box(x, x + 1, y, y + 1));
  }

  const player = {
    at: 0, total: 0, timer: 0, draw: null,
    go(at) {
      this.at = Math.max(0, Math.min(this.total - 1, at));
      if (this.draw) this.draw(this.at);
    },
    stop() {
      clearInterval(this.timer);
      this.timer = 0;
      if (this.button) this.button.textContent = "Play";
      if (this.text) this.text.setAttribute("aria-live", "polite");
    },
    play() {
      this.stop();
      if (this.at >= this.total - 1) this.go(0);
      const stride = Math.max(1, Math.ceil(this.total / 120));
      this.button.textContent = "Pause";
      this.text.setAttribute("aria-live", "off");
      this.timer = setInterval(() => {
        if (this.at >= this.total - 1) this.stop();
        else this.go(this.at + stride);
      }, this.total > 40 ? 150 : 450);
    },
  };

  let begun = false;

  /* A transposed convolution is drawn as the convolution whose way back it is: a window of the output for each place
     of the input. */
  function showPicture(c, result) {
    const back = isTransposed(c);
    const r = back ? { ...result, lengths: result.outs, outs: result.lengths } : result;
    player.draw = null;
    const spans = r.outs.map((out, a) => {
      const [before, after] = isAdaptive(c) ? [0n, 0n] : r.pads[a];
      return { length: r.lengths[a], out, before, after };
    });
    const many = product(r.outs);
    if (many > MOST || spans.some((s) => s.length + s.before + s.after > MOST)) {
      const text = `The ${back ? "output" : "input"} is too large to be drawn; the window has ${grouped(many)} places.`;
      picture.replaceChildren(el("p", { class: "hint" }, text));
      return;
    }
    const outs = r.outs.map(Number);
    const axes = spans.map((s, a) => {
      const last = windowAt(c, r, a, outs[a] - 1);
      const padTo = Number(s.length + s.after);
      return { from: -Number(s.before), to: Math.max(padTo, last.end), padTo, length: Number(s.length) };
    });
    const around = back ? "cut off" : "padding";
    const flat = { from: 0, to: 1, padTo: 1, length: 1 };
    const whole = (n) => ({ from: 0, to: n, padTo: n, length: n });
    const [depth, rows, cols] = { 1: [null, flat, ...axes], 2: [null, ...axes], 3: axes }[axes.length];
    const [outDepth, outRows, outCols] = [1, 1, ...outs].slice(-3);

    const source = el("div", { class: "planes" });
    const target = el("div", { class: "planes" });
    const output = plane(whole(outRows), whole(outCols), 220, depth ? " " : "");
    output.node.classList.add("output");
    target.append(output.node);
    let slices = [];
    let more = null;
    if (depth) {
      let widest = 1;
      for (let i = 0; i < Math.min(outDepth, 64); i++) widest = Math.max(widest, windowAt(c, r, 0, i).count);
      slices = Array.from({ length: Math.min(widest, 6) }, () => plane(rows, cols, 150, " "));
      more = el("p", { class: "hint" });
    } else slices = [plane(rows, cols, 340, "")];
    source.append(...slices.map((s) => s.node));

    const text = el("p", { class: "where", "aria-live": "polite" });
    const total = outDepth * outRows * outCols;
    const toggle = () => (player.timer ? player.stop() : player.play());
    const button = el("button", { type: "button", onclick: toggle }, "Play");
    const step = (label, by) =>
      el("button", { type: "button", onclick: () => { player.stop(); player.go(player.at + by); } }, label);
    const slider = el("input", {
      type: "range", min: 0, max: total - 1, value: 0, step: 1, id: "explorer-place",
      "aria-label": "Place of the window",
    });
    slider.addEventListener("input", () => { player.stop(); player.go(Number(slider.value)); });

    Object.assign(player, { at: 0, total, button, text });
    player.draw = (at) => {
      const z = Math.floor(at / (outRows * outCols));
      const y = Math.floor(at / outCols) % outRows;
      const x = at % outCols;
      const w = axes.map((_, a) => windowAt(c, r, a, [z, y, x].slice(3 - axes.length)[a]));
      const wy = axes.length > 1 ? w[w.length - 2] : NOTHING;
      const wx = w[w.length - 1];
      slices.forEach((slice, i) => {
        if (depth) {
          const index = w[0].start + i * w[0].step;
          const there = i < w[0].count;
          const outside = index < 0 || index >= depth.length;
          slice.node.hidden = !there;
          slice.node.classList.toggle("outside", outside);
          slice.node.querySelector("figcaption").textContent = `D ${index}${outside ? `: ${around}` : ""}`;
        }
        showWindow(slice, wy, wx, true);
      });
      if (more) {
        const left = w[0].count - slices.length;
        more.textContent = left > 0 ? `and ${left} more along D` : "";
        output.node.querySelector("figcaption").textContent = `${back ? "input" : "output"}, D ${z}`;
      }
      showDone(output, at % (outRows * outCols), outCols);
      slider.value = at;
      text.textContent = placeText(c, r, w, [z, y, x].slice(3 - axes.length), at, total);
      slider.setAttribute("aria-valuetext", `${at + 1} of ${total}`);
    };
    const key = (cls, label) =>
      el("span", { class: "key" }, el("span", { class: `swatch ${cls}`, "aria-hidden": "true" }), label);
    const said = back
      ? "A number of the input, and where its copy of the kernel lies in the output; the text below says it in words"
      : "The window over the input, and the output that it makes; the text below says it in words";
    const [over, under] = back ? ["Output", "Input"] : ["Input", "Output"];
    const met = depth ? `${over}: the slices that the ${back ? "copy" : "window"} meets` : over;
    const padded = spans.some((s) => s.before || s.after);
    const sides = [
      el("div", { class: "side" }, el("h3", {}, met), source, more || ""),
      el("div", { class: "side" }, el("h3", {}, under), target),
    ];
    const keys = [
      key("input", over.toLowerCase()), ...(padded ? [key("padding", around)] : []),
      key("cells", back ? "copy of the kernel" : "window"), key("done", under.toLowerCase()),
    ];
    picture.classList.toggle("back", back);
    picture.replaceChildren(
      el("div", { class: "stage-row", role: "img", "aria-label": said }, ...(back ? sides.reverse() : sides)),
      el("p", { class: "keys" }, ...keys),
      el("div", { class: "controls", role: "group", "aria-label": "Move the window" },
        step("Back", -1), button, step("Step", 1), slider),
      text
    );
    player.go(0);
    // One pass in the beginning, for those who have nothing against motion.
    if (!begun && !still.matches && total > 1) player.play();
    begun = true;
  }

  function placeText(c, r, w, at, index, total) {
    const cover = w.map((v, a) => {
      const gap = v.step > 1 && v.count > 1 ? ` in steps of ${v.step}` : "";
      const range = v.count > 1 ? `${v.start} to ${v.end - 1}${gap}` : `${v.start}`;
      return `${r.layout.axes[a]} ${range}`;
    });
    const inside = w.map((v, a) => {
      const n = Number(r.lengths[a]);
      const low = Math.max(0, Math.ceil(-v.start / v.step));
      const high = Math.min(v.count - 1, Math.floor((n - 1 - v.start) / v.step));
      return Math.max(0, high - low + 1);
    });
    const count = w.reduce((a, v) => a * v.count, 1);
    const off = count - inside.reduce((a, b) => a * b, 1);
    const lie = isTransposed(c) ? "are cut off" : "lie outside of the input";
    const outside = off ? `; ${grouped(off)} of its ${grouped(count)} elements ${lie}` : "";
    const where = at.map((i, a) => `${r.layout.axes[a]} ${i}`).join(", ");
    const covered = isTransposed(c)
      ? `its copy of the kernel covers ${cover.join(", ")} of the output`
      : `the window covers ${cover.join(", ")}`;
    const from = isTransposed(c) ? "Input" : "Output";
    return `${from} ${where} (${grouped(index + 1)} of ${grouped(total)}): ${covered}${outside}.`;
  }

  addEventListener("hashchange", () => {
    const next = fromHash(location.hash);
    if (next && toHash(next) !== toHash(state)) load(next);
  });

  refresh(true);
  globalThis.cyconvExplorer = { load: (hash) => load(fromHash(hash)), address: () => toHash(state) };
})();
