/* The same computation written for cyconv, Keras, PyTorch and ONNX: texts only, nothing here touches the page. */
(function (root) {
  "use strict";

  const shapes = typeof require === "function" ? require("./shapes.js") : root.cyconvShapes;
  const { repr } = shapes;

  const alike = (values) => values.every((v) => v === values[0]);
  const short = (values) => (alike(values) ? String(values[0]) : repr(values));
  const list = (values) => `[${values.join(", ")}]`;
  const isOne = (values) => values.every((v) => v === 1n);
  const named = (parts) => parts.filter(Boolean).join(", ");

  const none = (reason) => ({ code: "", reason });
  const some = (lines) => ({ code: lines.join("\n"), reason: "" });

  /* There is no function that computes it yet, but one for its shape. */
  function cyconvTransposed(c, r) {
    const word = typeof c.padding === "string";
    const parts = named([
      repr(r.x), repr(r.w),
      isOne(r.stride) ? "" : `stride=${short(r.stride)}`,
      word && c.padding === "valid" ? "" : `padding=${word ? `"${c.padding}"` : repr(c.padding)}`,
      r.outputPadding.some((n) => n) ? `output_padding=${short(r.outputPadding)}` : "",
      r.outputSize.some((n) => n !== null) ? `output_size=${repr(r.outputSize)}` : "",
      isOne(r.dilation) ? "" : `dilation=${short(r.dilation)}`,
      r.groups === 1n ? "" : `groups=${r.groups}`,
      r.layout.name === `N${r.layout.axes}C` ? "" : `layout="${r.layout.name}"`,
    ]);
    return some([
      "import cyconv", "",
      "shape = cyconv.shapes.conv_transpose_output_shape(", `    ${parts}`, ")", `shape  # ${repr(r.shape)}`,
    ]);
  }

  /* What each library is told of: c is what was asked for, r what shapes.js made of it. */
  function cyconv(c, r) {
    if (c.family === "transposed") return cyconvTransposed(c, r);
    const adaptive = c.family.startsWith("adaptive");
    const weights = c.family === "conv" ? r.w : r.given;
    const lines = ["import numpy as np", "import cyconv", "", `x = np.zeros(${repr(r.x)}, np.${c.dtype})`];
    const more = [];
    if (weights) {
      lines.push(`w = np.zeros(${repr(weights)}, np.${c.dtype})`);
      if (c.bias) lines.push(`b = np.zeros(${r.filters}, np.${c.dtype})`);
      more.push("w", c.bias ? "b" : "");
    } else if (adaptive) more.push(c.outputSize === null ? "None" : repr(c.outputSize));
    else more.push(short(r.kernel));
    if (!adaptive) {
      const usual = weights ? isOne(r.stride) : String(r.stride) === String(r.kernel);
      if (!usual) more.push(`stride=${short(r.stride)}`);
      const word = typeof c.padding === "string";
      if (!word || c.padding !== "valid") more.push(`padding=${word ? `"${c.padding}"` : repr(c.padding)}`);
      if (!isOne(r.dilation)) more.push(`dilation=${short(r.dilation)}`);
      if (c.ceilMode) more.push("ceil_mode=True");
    }
    if (c.family === "conv" && r.groups !== 1n) more.push(`groups=${r.groups}`);
    if (r.layout.name !== `N${r.layout.axes}C`) more.push(`layout="${r.layout.name}"`);
    lines.push(`y = cyconv.${c.op}(${named(["x", ...more])})`, `y.shape  # ${repr(r.shape)}`);
    return some(lines);
  }

  const KERAS = {
    conv: "Conv", max: "MaxPooling", avg: "AveragePooling",
    adaptive_max: "AdaptiveMaxPooling", adaptive_avg: "AdaptiveAveragePooling",
  };

  /* The layers of a transposed convolution: what is cut off unevenly is cut off by a second one. */
  function kerasTransposed(c, r, first) {
    const n = c.ndim;
    if (r.groups !== 1n) return none("Keras's transposed convolutions have no groups.");
    if (!isOne(r.stride) && !isOne(r.dilation)) {
      return none("Keras's layers refuse a stride and a dilation above 1 together.");
    }
    const of = (values) => (n === 1 ? String(values[0]) : repr(values));
    const word = typeof c.padding === "string" ? c.padding.toLowerCase() : "";
    const same = word === "same" && r.outs.every((out, a) => out === r.lengths[a] * r.stride[a]);
    const uncut = r.pads.every(([a, b]) => a === 0n && b === 0n);
    if (!same && r.more.some((extra, a) => extra >= r.stride[a])) {
      return none("Keras's output_padding is below the stride.");
    }
    // Without it, kernels that are shorter than the stride get some.
    const usual = same || r.kernel.every((k, a) => (k - 1n) * r.dilation[a] + 1n >= r.stride[a] && !r.more[a]);
    const layers = [
      `Conv${n}DTranspose(` +
        named([
          String(r.filters), of(r.kernel),
          isOne(r.stride) ? "" : `strides=${of(r.stride)}`,
          same ? 'padding="same"' : "",
          usual ? "" : `output_padding=${of(r.more)}`,
          isOne(r.dilation) ? "" : `dilation_rate=${of(r.dilation)}`,
          c.bias ? "" : "use_bias=False",
          first,
        ]) + ")",
    ];
    if (!same && !uncut) {
      if (n === 1 && first) return none("Keras's Cropping1D, which would cut off the padding, is for channels last.");
      layers.push(`Cropping${n}D(${named([n === 1 ? repr(r.pads[0]) : repr(r.pads), first])})`);
    }
    return kerasModel(r, layers);
  }

  function kerasModel(r, layers) {
    const sample = r.layout.batched ? r.x.slice(1) : r.x;
    const shape = r.layout.batched ? r.shape.slice(1) : r.shape;
    return some([
      "import keras", "from keras import layers", "",
      "model = keras.Sequential([",
      `    keras.Input(${repr(sample)}),`,
      ...layers.map((layer) => `    layers.${layer},`),
      "])",
      `model.output_shape  # ${repr([null, ...shape])}`,
    ]);
  }

  function keras(c, r) {
    const n = c.ndim;
    const first = r.layout.last ? "" : 'data_format="channels_first"';
    if (c.family === "transposed") return kerasTransposed(c, r, first);
    const layers = [];
    let padding = typeof c.padding === "string" ? c.padding.toLowerCase() : "";
    if (c.family.startsWith("adaptive")) {
      layers.push(`${KERAS[c.family]}${n}D(${named([n === 1 ? String(r.outs[0]) : repr(r.outs), first])})`);
    } else {
      const weights = c.family === "conv" || c.family === "depthwise";
      if (r.pads.every(([a, b]) => a === 0n && b === 0n)) padding = padding === "same" ? "same" : "valid";
      if (weights && !isOne(r.stride) && !isOne(r.dilation)) {
        return none("Keras's layers refuse a stride and a dilation above 1 together.");
      }
      if (c.family === "depthwise" && !(alike(r.stride) && alike(r.dilation))) {
        return none("Keras's DepthwiseConv2D has the same stride and the same dilation along both axes.");
      }
      if (!weights && !isOne(r.dilation)) return none("Keras's pools have no dilation.");
      if (!weights && c.ceilMode) return none("Keras's pools have no ceil_mode.");
      if (!["valid", "same", "causal"].includes(padding)) {
        if (!weights) return none("Keras's pools know the paddings 'valid' and 'same' only.");
        const pads = n === 1 ? repr(r.pads[0]) : repr(r.pads);
        layers.push(`ZeroPadding${n}D(${named([pads, first])})`);
        padding = "valid";
      }
      const size = n === 1 ? String(r.kernel[0]) : repr(r.kernel);
      const step = n === 1 ? String(r.stride[0]) : repr(r.stride);
      layers.push(
        `${c.family === "depthwise" ? "DepthwiseConv2D" : `${KERAS[c.family]}${n}D`}(` +
          named([
            c.family === "conv" ? String(r.filters) : "",
            size,
            (weights ? isOne(r.stride) : String(r.stride) === String(r.kernel)) ? "" : `strides=${step}`,
            padding === "valid" ? "" : `padding="${padding}"`,
            isOne(r.dilation) ? "" : `dilation_rate=${n === 1 ? r.dilation[0] : repr(r.dilation)}`,
            c.family === "depthwise" && c.multiplier !== 1n ? `depth_multiplier=${c.multiplier}` : "",
            c.family === "conv" && r.groups !== 1n ? `groups=${r.groups}` : "",
            weights && !c.bias ? "use_bias=False" : "",
            first,
          ]) + ")"
      );
    }
    return kerasModel(r, layers);
  }

  const TORCH = {
    conv: "Conv", depthwise: "Conv", transposed: "ConvTranspose", max: "MaxPool", avg: "AvgPool",
    adaptive_max: "AdaptiveMaxPool", adaptive_avg: "AdaptiveAvgPool",
  };

  /* Arguments of a transposed convolution, and what is cut off behind it: its padding is the same on both sides. */
  function torchTransposed(c, r) {
    const rest = r.pads.map(([before, after], a) => r.more[a] + before - after);
    const even = rest.every((n, a) => n >= 0n && (n < r.stride[a] || n < r.dilation[a]));
    const cut = r.pads.map(([before, after], a) => [-before, after > r.more[a] ? r.more[a] - after : 0n]);
    const extra = even ? rest : r.pads.map(([, after], a) => (r.more[a] > after ? r.more[a] - after : 0n));
    const parts = [
      String(r.channels), String(r.filters), short(r.kernel),
      isOne(r.stride) ? "" : `stride=${short(r.stride)}`,
      even && r.pads.some(([before]) => before) ? `padding=${short(r.pads.map(([before]) => before))}` : "",
      extra.some((n) => n) ? `output_padding=${short(extra)}` : "",
      isOne(r.dilation) ? "" : `dilation=${short(r.dilation)}`,
      r.groups === 1n ? "" : `groups=${r.groups}`,
      c.bias ? "" : "bias=False",
    ];
    return [parts, even ? "" : repr(cut.reverse().flat())];
  }

  function torch(c, r) {
    const n = c.ndim;
    const head = r.layout.batched ? [r.batch] : [];
    const x = [...head, r.channels, ...r.lengths];
    const y = [...head, r.filters === undefined ? r.channels : r.filters, ...r.outs];
    let parts = [];
    let [before, cut] = ["", ""];
    if (c.family.startsWith("adaptive")) parts.push(n === 1 ? String(r.outs[0]) : repr(r.outs));
    else if (c.family === "transposed") {
      if (r.channels === 0n) return none("PyTorch's transposed convolutions need a channel.");
      [parts, cut] = torchTransposed(c, r);
    } else {
      const weights = c.family === "conv" || c.family === "depthwise";
      const even = r.pads.every(([a, b]) => a === b);
      const half = r.pads.every(([a, b], i) => a <= r.kernel[i] / 2n && b <= r.kernel[i] / 2n);
      const inside = even && (weights || half);
      const flat = [...r.pads].reverse().flat();
      if (c.family === "avg" && !isOne(r.dilation)) return none("PyTorch's average pools have no dilation.");
      if (c.family === "avg" && !inside) {
        return none(
          "PyTorch's average pools cannot leave out padding that differs in front and behind, or is more than half a" +
            " window."
        );
      }
      if (c.family === "max" && !inside && c.ceilMode) {
        return none("PyTorch's pools take as much padding in front as behind, and no more than half a window.");
      }
      if (!inside) {
        before = `x = torch.nn.functional.pad(x, ${repr(flat)}${weights ? "" : ', value=-float("inf")'})`;
      }
      if (weights) parts.push(String(r.channels), String(r.filters));
      parts.push(
        short(r.kernel),
        (weights ? isOne(r.stride) : String(r.stride) === String(r.kernel)) ? "" : `stride=${short(r.stride)}`,
        inside && flat.some((p) => p) ? `padding=${short(r.pads.map(([a]) => a))}` : "",
        isOne(r.dilation) ? "" : `dilation=${short(r.dilation)}`,
        weights && r.groups !== 1n ? `groups=${r.groups}` : "",
        weights && !c.bias ? "bias=False" : "",
        c.ceilMode ? "ceil_mode=True" : "",
        c.family === "avg" && flat.some((p) => p) ? "count_include_pad=False" : ""
      );
    }
    return some([
      "import torch", "",
      `x = torch.zeros(${repr(x)}${c.dtype === "float32" ? "" : `, dtype=torch.${c.dtype}`})  # channels first`,
      ...(before ? [before] : []),
      `layer = torch.nn.${TORCH[c.family]}${n}d(${named(parts)}` +
        `${r.w && c.dtype !== "float32" ? `, dtype=torch.${c.dtype}` : ""})`,
      `${cut ? `torch.nn.functional.pad(layer(x), ${cut})` : "layer(x)"}.shape  # ${repr(y)}`,
    ]);
  }

  function onnx(c, r) {
    const head = [r.layout.batched ? r.batch : 1n];
    const x = repr([...head, r.channels, ...r.lengths]);
    const y = repr([...head, r.filters === undefined ? r.channels : r.filters, ...r.outs]);
    const back = c.family === "transposed";
    const weights = c.family === "conv" || c.family === "depthwise" || back;
    const inputs = ['"x"', ...(weights ? ['"w"', ...(c.bias ? ['"b"'] : [])] : [])];
    let name = back ? "ConvTranspose" : weights ? "Conv" : c.family.endsWith("max") ? "MaxPool" : "AveragePool";
    let parts = [];
    if (c.family.startsWith("adaptive")) {
      if (isOne(r.outs)) name = `Global${name}`;
      else if (r.lengths.every((length, a) => length % r.outs[a] === 0n)) {
        const size = list(r.lengths.map((length, a) => length / r.outs[a]));
        parts = [`kernel_shape=${size}`, `strides=${size}`];
      } else return none("ONNX has no adaptive pools, and windows of one size do not divide this input.");
    } else {
      const pads = [...r.pads.map(([a]) => a), ...r.pads.map(([, b]) => b)];
      parts = [
        `kernel_shape=${list(r.kernel)}`,
        `strides=${list(r.stride)}`,
        `pads=${list(pads)}`,
        back && r.more.some((n) => n) ? `output_padding=${list(r.more)}` : "",
        isOne(r.dilation) ? "" : `dilations=${list(r.dilation)}`,
        weights && r.groups !== 1n ? `group=${r.groups}` : "",
        c.ceilMode ? "ceil_mode=1" : "",
      ].filter(Boolean);
    }
    const given = [`x: ${x}`];
    if (weights) {
      const [of, from] = back ? [r.channels, r.filters] : [r.filters, r.channels];
      given.push(`w: ${repr([of, from / r.groups, ...r.kernel])}`);
      if (c.bias) given.push(`b: (${r.filters},)`);
    }
    return some([
      "from onnx import helper", "",
      `# ${given.join(", ")} -> y: ${y}`,
      `node = helper.make_node("${name}", [${inputs.join(", ")}], ["y"]${parts.length ? "," : ")"}`,
      ...parts.map((part, i) => `    ${part}${i + 1 < parts.length ? "," : ")"}`),
    ]);
  }

  const api = { cyconv, keras, torch, onnx };
  if (typeof module === "object" && module.exports) module.exports = api;
  else root.cyconvCalls = api;
})(typeof globalThis === "object" ? globalThis : this);
