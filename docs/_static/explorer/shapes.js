/* Output sizes, padding and costs: cyconv.shapes in JavaScript, with its words and without limits (BigInt).
 *
 * Numbers are BigInt, sequences are arrays, None is null; a string is what is no number.  Nothing here touches the
 * page, so that Node can load it too: const shapes = require("./shapes.js").
 */
(function (root) {
  "use strict";

  const AXES = { 1: "W", 2: "HW", 3: "DHW" };
  const WORDS = ["valid", "same", "same_lower", "full", "causal"];
  const CROPS = ["valid", "same", "same_lower"]; // of transposed convolutions
  const ITEMSIZE = { float16: 2n, float32: 4n, float64: 8n };
  const LIMIT = 1n << 40n;

  class Refusal extends Error {
    constructor(kind, message) {
      super(message);
      this.kind = kind;
    }
  }
  const valueError = (message) => new Refusal("ValueError", message);
  const typeError = (message) => new Refusal("TypeError", message);

  const floorDivide = (a, b) => {
    const q = a / b;
    return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
  };
  const modulo = (a, b) => a - floorDivide(a, b) * b;
  const ceilDivide = (a, b) => -floorDivide(-a, b);
  const larger = (a, b) => (a > b ? a : b);
  const product = (numbers) => numbers.reduce((a, b) => a * b, 1n);
  const gcd = (a, b) => {
    while (b) [a, b] = [b, a % b];
    return a;
  };

  /* A value as Python prints it. */
  function repr(value) {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    if (typeof value === "string") {
      const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
      return quote + value.replace(/\\/g, "\\\\").replace(quote === "'" ? /'/g : /$^/, "\\'") + quote;
    }
    if (Array.isArray(value)) return `(${value.map(repr).join(", ")}${value.length === 1 ? "," : ""})`;
    return String(value);
  }

  function integer(name, label, value, least, limited = true) {
    if (typeof value !== "bigint") {
      const type = typeof value === "string" ? " (str)" : value === null ? " (NoneType)" : " (tuple)";
      throw typeError(`${name}: ${label} must be an integer, got ${repr(value)}${type}`);
    }
    if (value < least) {
      const hint = label === "padding" ? "; slice the input to crop it" : "";
      throw valueError(`${name}: ${label} must be at least ${least}, got ${value}${hint}`);
    }
    if (limited && value >= LIMIT) throw valueError(`${name}: ${label} must be below 2**40, got ${value}`);
    return value;
  }

  function perAxis(name, label, value, ndim, least = 1n) {
    if (!Array.isArray(value)) return Array(ndim).fill(integer(name, label, value, least));
    if (value.length !== ndim) {
      throw valueError(`${name}: ${label} must be an int or ${ndim} of them, got ${repr(value)}`);
    }
    return value.map((v) => integer(name, label, v, least));
  }

  const shape = (name, label, value) => value.map((n) => integer(name, label, n, 0n, false));

  function outputSizes(name, value, ndim) {
    const values = Array.isArray(value) ? value : Array(ndim).fill(value);
    if (values.length !== ndim) {
      throw valueError(`${name}: output_size must be an int or None, or ${ndim} of them, got ${repr(value)}`);
    }
    return values.map((v) => (v === null ? null : integer(name, "output_size", v, 1n)));
  }

  /* Where the axes of an array are: the layouts of cyconv.layout by their names. */
  function layoutOf(name, layout, ndim) {
    const axes = AXES[ndim];
    const names = [`N${axes}C`, `NC${axes}`, `${axes}C`, `C${axes}`];
    const given = { CHANNELS_LAST: names[0], CHANNELS_FIRST: names[1] }[layout.toUpperCase()] || layout.toUpperCase();
    if (!names.includes(given)) {
      throw valueError(
        `${name}: layout must be '${names[0]}', '${names[1]}', 'channels_last' or 'channels_first', or` +
          ` '${names[2]}' or '${names[3]}' for one sample; got ${repr(layout)}`
      );
    }
    const last = given.endsWith("C");
    const batched = given.startsWith("N");
    return {
      name: given, axes, last, batched,
      kernel: last ? `${axes}IO` : `OI${axes}`,
      split(whole) {
        const rest = batched ? whole.slice(1) : whole;
        const channels = last ? rest[rest.length - 1] : rest[0];
        return [batched ? whole[0] : null, channels, last ? rest.slice(0, -1) : rest.slice(1)];
      },
      join(batch, channels, sizes) {
        const rest = last ? [...sizes, channels] : [channels, ...sizes];
        return batched ? [batch, ...rest] : rest;
      },
      /* The shape of a kernel in the order that belongs to this layout. */
      weights: (sizes, channels, filters) => (last ? [...sizes, channels, filters] : [filters, channels, ...sizes]),
      unpack: (w) => (last ? [w[w.length - 1], w[w.length - 2], w.slice(0, -2)] : [w[0], w[1], w.slice(2)]),
    };
  }

  function rank(name, label, whole, layout) {
    if (whole.length === layout.name.length) return;
    const one = layout.batched && whole.length === layout.name.length - 1;
    const hint = one ? `; for one sample without a batch axis say layout='${layout.name.slice(1)}'` : "";
    throw valueError(
      `${name}: ${label} must have ${layout.name.length} axes (${layout.name}), got ${whole.length}:` +
        ` ${label}.shape=${repr(whole)}${hint}`
    );
  }

  function samePadding(length, kernel, stride, dilation) {
    const wanted = ceilDivide(length, stride);
    const total = larger((wanted - 1n) * stride + (kernel - 1n) * dilation + 1n - length, 0n);
    return [total / 2n, total - total / 2n];
  }

  const outputSize = (length, kernel, stride, dilation, before, after) =>
    floorDivide(length + before + after - (kernel - 1n) * dilation - 1n, stride) + 1n;

  function resolvePadding(name, padding, lengths, kernel, stride, dilation) {
    const n = lengths.length;
    if (typeof padding === "string") {
      const reach = kernel.map((k, a) => (k - 1n) * dilation[a]);
      const same = () => lengths.map((length, a) => samePadding(length, kernel[a], stride[a], dilation[a]));
      switch (padding.toLowerCase()) {
        case "valid": return lengths.map(() => [0n, 0n]);
        case "same": return same();
        case "same_lower": return same().map(([before, after]) => [after, before]);
        case "full": return reach.map((r) => [r, r]);
        case "causal":
          if (n > 1) {
            throw valueError(`${name}: padding='causal' is for one axis; give ((before, after), ...)`);
          }
          return reach.map((r) => [r, 0n]);
      }
      const words = (n === 1 ? WORDS : WORDS.slice(0, -1)).map(repr).join(", ");
      throw valueError(`${name}: padding must be one of ${words}, numbers or pairs, got ${repr(padding)}`);
    }
    if (!Array.isArray(padding)) {
      const p = integer(name, "padding", padding, 0n);
      return lengths.map(() => [p, p]);
    }
    if (padding.length !== n) {
      throw valueError(
        `${name}: padding must be a word, an int, ${n} ints or ${n} (before, after) pairs, got ${repr(padding)}`
      );
    }
    return padding.map((v) => {
      if (!Array.isArray(v)) return Array(2).fill(integer(name, "padding", v, 0n));
      if (v.length !== 2) {
        throw valueError(`${name}: padding of an axis must be an int or a (before, after) pair, got ${repr(v)}`);
      }
      return v.map((p) => integer(name, "padding", p, 0n));
    });
  }

  function checkFit(name, axis, length, kernel, dilation, before, after, given) {
    const extent = (kernel - 1n) * dilation + 1n;
    if (extent > length + before + after) {
      throw valueError(
        `${name}: the kernel does not fit the input along ${axis}:` +
          ` (kernel - 1) * dilation + 1 = ${extent} is more than` +
          ` ${length} + ${before} + ${after} = ${length + before + after}` +
          ` (${given}); pad the input or use a smaller kernel`
      );
    }
  }

  function convolution(name, x, w, layout, stride, padding, dilation, groups) {
    const [batch, channels, lengths] = layout.split(x);
    const [filters, ofFilter, kernel] = layout.unpack(w);
    const came = `(x.shape=${repr(x)} in ${layout.name}, w.shape=${repr(w)} in ${layout.kernel}, groups=${groups})`;
    if (channels % groups || filters % groups) {
      throw valueError(
        `${name}: groups=${groups} must divide the ${channels} input channels and the ${filters} filters ${came}`
      );
    }
    if (ofFilter * groups !== channels) {
      throw valueError(
        `${name}: w has ${ofFilter} input channels but x has ${channels}, so ${channels / groups} were expected` +
          ` ${came}; check layout= and kernel_layout=`
      );
    }
    kernel.forEach((k, a) => {
      if (k < 1n) {
        throw valueError(
          `${name}: w.shape=${repr(w)} ('${layout.kernel}') has no elements along ${layout.axes[a]}`
        );
      }
    });
    const pads = resolvePadding(name, padding, lengths, kernel, stride, dilation);
    const given = `x.shape=${repr(x)}, w.shape=${repr(w)}, padding=${repr(padding)}`;
    const outs = lengths.map((n, a) => {
      checkFit(name, layout.axes[a], n, kernel[a], dilation[a], ...pads[a], given);
      return outputSize(n, kernel[a], stride[a], dilation[a], ...pads[a]);
    });
    return { shape: layout.join(batch, filters, outs), pads, outs, kernel, lengths, batch, channels, filters };
  }

  /* A transposed convolution whose kernel has a filter for each channel of its input. */
  function transposedConvolution(name, x, w, layout, stride, padding, outputPadding, outputSize, dilation, groups) {
    const [batch, channels, lengths] = layout.split(x);
    const [, ofGroup, kernel] = layout.unpack(w);
    const given =
      `x.shape=${repr(x)} in ${layout.name}, w.shape=${repr(w)} in ${layout.kernel}, padding=${repr(padding)}`;
    if (channels % groups) {
      throw valueError(`${name}: groups=${groups} must divide the ${channels} channels of x (${given})`);
    }
    const word = typeof padding === "string" ? padding.toLowerCase() : null;
    if (word !== null && !CROPS.includes(word)) {
      const words = CROPS.map(repr).join(", ");
      throw valueError(`${name}: padding must be one of ${words}, numbers or pairs, got ${repr(padding)}`);
    }
    const same = word === "same" || word === "same_lower";
    if (outputPadding.some((n) => n) && (same || outputSize.some((n) => n !== null))) {
      const other = same ? `padding=${repr(padding)}` : `output_size=${repr(outputSize)}`;
      throw valueError(
        `${name}: output_padding=${repr(outputPadding)} contradicts ${other}, which says how large the output is;` +
          " leave it out, or give output_size alone"
      );
    }
    const pads = same
      ? lengths.map(() => [0n, 0n])
      : resolvePadding(name, padding, lengths, kernel, stride, dilation);
    const crops = [];
    const more = [];
    const outs = lengths.map((n, a) => {
      const [axis, k, s, d] = [layout.axes[a], kernel[a], stride[a], dilation[a]];
      let [crop, extra, size] = [pads[a], outputPadding[a], outputSize[a]];
      if (k < 1n || n === 0n) {
        throw valueError(`${name}: ${k < 1n ? "w" : "x"} has no elements along ${axis} (${given})`);
      }
      if (extra >= larger(s, d)) {
        throw valueError(
          `${name}: output_padding must be less than the stride or the dilation, ${larger(s, d)} along ${axis},` +
            ` got ${extra} (${given}); pad the output with numpy.pad`
        );
      }
      const whole = (n - 1n) * s + (k - 1n) * d + 1n;
      const least = same ? (n - 1n) * s + 1n : whole - crop[0] - crop[1];
      if (size !== null && (size < least || size >= least + s)) {
        throw valueError(
          `${name}: output_size must be between ${least} and ${least + s - 1n} along ${axis}, got ${size}: of` +
            ` these sizes a convolution with stride ${s} and this padding makes ${n} (${given})`
        );
      }
      if (same) {
        if (size === null) size = n * s;
        crop = samePadding(size, k, s, d);
        if (word === "same_lower") crop.reverse();
        extra = size - whole + crop[0] + crop[1];
      } else {
        if (size === null) size = least + extra;
        extra = size - least;
      }
      if (size < 1n) {
        throw valueError(
          `${name}: nothing is left of the output along ${axis}:` +
            " (length - 1) * stride - before - after + (kernel - 1) * dilation + 1 + output_padding =" +
            ` (${n} - 1) * ${s} - ${crop[0]} - ${crop[1]} + (${k} - 1) * ${d} + 1 + ${extra} = ${size}` +
            ` (${given}); use less padding`
        );
      }
      crops.push(crop);
      more.push(extra);
      return size;
    });
    const filters = ofGroup * groups;
    return {
      shape: layout.join(batch, filters, outs), pads: crops, more, outs, kernel, lengths, batch, channels, filters,
    };
  }

  function checkElements(name, x, layout) {
    layout.split(x)[2].forEach((n, a) => {
      if (n === 0n) {
        throw valueError(
          `${name}: x must have elements along ${layout.axes[a]} to pool, got none: x.shape=${repr(x)}` +
            ` (${layout.name}); only batch and channels may be empty`
        );
      }
    });
  }

  /* The least i >= 0 with low <= i * step % modulus <= high, or null: along Euclid's algorithm. */
  function firstMultiple(step, modulus, low, high) {
    if (low === 0n) return 0n;
    step = modulo(step, modulus);
    if (2n * step > modulus) [step, low, high] = [modulus - step, modulus - high, modulus - low];
    if (step === 0n) return null;
    const i = ceilDivide(low, step);
    if (i * step <= high) return i;
    const turns = firstMultiple(-modulus, step, modulo(low, step), modulo(high, step));
    return turns === null ? null : ceilDivide(turns * modulus + low, step);
  }

  /* The first output whose window steps over the whole input, or null. */
  function firstWithoutElements(length, stride, dilation, before) {
    if (dilation <= length) return null;
    const low = modulo(length + before, dilation);
    const high = modulo(before - 1n, dilation);
    const first = low > high ? 0n : firstMultiple(stride, dilation, low, high);
    return first !== null && first * stride < before ? first : null;
  }

  function pooling(name, x, layout, kernel, stride, padding, dilation, ceilMode) {
    const [batch, channels, lengths] = layout.split(x);
    checkElements(name, x, layout);
    const pads = resolvePadding(name, padding, lengths, kernel, stride, dilation);
    const given = `x.shape=${repr(x)}, kernel_size=${repr(kernel)}, padding=${repr(padding)}`;
    const outs = lengths.map((n, a) => {
      const axis = layout.axes[a];
      const [k, s, d, [before, after]] = [kernel[a], stride[a], dilation[a], pads[a]];
      const extent = (k - 1n) * d + 1n;
      if (larger(before, after) >= extent) {
        throw valueError(
          `${name}: padding along ${axis} must be less than a window,` +
            ` (kernel_size - 1) * dilation + 1 = ${extent}, got (${before}, ${after}) (${given});` +
            " use less, or pad the input with numpy.pad"
        );
      }
      checkFit(name, axis, n, k, d, before, after, given);
      let size = outputSize(n, k, s, d, before, after);
      if (ceilMode) {
        size = outputSize(n, k, s, d, before, after + s - 1n);
        if ((size - 1n) * s >= n + before) size -= 1n;
      }
      const missed = firstWithoutElements(n, s, d, before);
      if (missed !== null && missed < size) {
        throw valueError(
          `${name}: output ${missed} along ${axis} would meet no element of the input: its window starts at` +
            ` ${missed} * ${s} - ${before} = ${missed * s - before}, and dilation=${d} steps over all of it` +
            ` (${given}); use less padding or a smaller dilation`
        );
      }
      return size;
    });
    return { shape: layout.join(batch, channels, outs), pads, outs, kernel, lengths, batch, channels };
  }

  /* From the first element to behind the last of those that output i of an adaptive pool is made of. */
  const poolWindow = (i, length, out) => [floorDivide(i * length, out), ceilDivide((i + 1n) * length, out)];

  function cost(macs, flops, params, x, y, windows, itemsize) {
    const [input, weights, output] = [x, params, y].map((n) => n * itemsize);
    return {
      macs, flops, params,
      inputBytes: input, weightBytes: weights, outputBytes: output,
      bytes: input + weights + output,
      im2colBytes: windows * itemsize,
    };
  }

  /* Everything about a convolution, as conv_cost and conv_output_shape say it. */
  function conv(name, x, w, { bias, dtype, stride, padding, dilation, groups, layout }) {
    const ndim = w.length - 2;
    w = shape(name, "w_shape", w);
    const data = layoutOf(name, layout, ndim);
    x = shape(name, "x_shape", x);
    rank(name, "x", x, data);
    stride = perAxis(name, "stride", stride, ndim);
    dilation = perAxis(name, "dilation", dilation, ndim);
    groups = integer(name, "groups", groups, 1n);
    const r = convolution(name, x, w, data, stride, padding, dilation, groups);
    const places = product([r.batch === null ? 1n : r.batch, ...r.outs]);
    const terms = r.filters ? product(w) / r.filters : 0n;
    const macs = product(r.shape) * terms;
    const params = product(w) + (bias ? r.filters : 0n);
    const windows = product([places, ...r.kernel, r.channels]);
    return {
      ...r, x, w, layout: data, stride, dilation, groups, terms,
      cost: cost(macs, 2n * macs, params, product(x), product(r.shape), windows, ITEMSIZE[dtype]),
    };
  }

  /* A convolution whose filters each see one channel: as cyconv.depthwise_conv2d takes its kernel. */
  function depthwise(name, x, kernel, multiplier, options) {
    const data = layoutOf(name, options.layout, 2);
    x = shape(name, "x_shape", x);
    rank(name, "x", x, data);
    const channels = data.split(x)[1];
    const groups = larger(channels, 1n);
    const ofFilter = channels < 1n ? channels : 1n;
    const [given, of] = data.last
      ? [data.weights(kernel, channels, multiplier), 1n]
      : [data.weights(kernel, ofFilter, channels * multiplier), groups];
    shape(name, "w_shape", given);
    const stride = perAxis(name, "stride", options.stride, 2);
    const dilation = perAxis(name, "dilation", options.dilation, 2);
    convolution(name, x, given, data, stride, options.padding, dilation, of);
    const w = data.weights(kernel, ofFilter, channels * multiplier);
    return { ...conv(name, x, w, { ...options, groups }), given: data.last ? given : w };
  }

  /* Everything about a transposed convolution, as conv_transpose_cost and conv_transpose_output_shape say it. */
  function transposed(name, x, w, options) {
    const ndim = w.length - 2;
    w = shape(name, "w_shape", w);
    const data = layoutOf(name, options.layout, ndim);
    x = shape(name, "x_shape", x);
    rank(name, "x", x, data);
    const stride = perAxis(name, "stride", options.stride, ndim);
    const outputPadding = perAxis(name, "output_padding", options.outputPadding, ndim, 0n);
    const outputSize = outputSizes(name, options.outputSize, ndim);
    const dilation = perAxis(name, "dilation", options.dilation, ndim);
    const groups = integer(name, "groups", options.groups, 1n);
    const r = transposedConvolution(
      name, x, w, data, stride, options.padding, outputPadding, outputSize, dilation, groups
    );
    const macs = r.channels ? product(x) * (product(w) / r.channels) : 0n;
    const params = product(w) + (options.bias ? r.filters : 0n);
    const copies = product([r.batch === null ? 1n : r.batch, ...r.lengths, ...r.kernel, r.filters]);
    return {
      ...r, x, w, layout: data, stride, dilation, groups, outputPadding, outputSize,
      cost: cost(macs, 2n * macs, params, product(x), product(r.shape), copies, ITEMSIZE[options.dtype]),
    };
  }

  /* Everything about a pool, as pool_cost and pool_output_shape say it. */
  function pool(name, ndim, x, kernel, { dtype, stride, padding, dilation, ceilMode, layout }) {
    x = shape(name, "x_shape", x);
    const data = layoutOf(name, layout, ndim);
    rank(name, "x", x, data);
    kernel = perAxis(name, "kernel_size", kernel, ndim);
    stride = stride === null ? kernel : perAxis(name, "stride", stride, ndim);
    dilation = perAxis(name, "dilation", dilation, ndim);
    const r = pooling(name, x, data, kernel, stride, padding, dilation, ceilMode);
    const elements = product(r.shape) * product(kernel);
    return {
      ...r, x, layout: data, stride, dilation, elements,
      cost: cost(0n, elements, 0n, product(x), product(r.shape), elements, ITEMSIZE[dtype]),
    };
  }

  /* Everything about an adaptive pool, as adaptive_cost and adaptive_output_shape say it. */
  function adaptive(name, ndim, x, size, { dtype, layout }) {
    x = shape(name, "x_shape", x);
    const data = layoutOf(name, layout, ndim);
    rank(name, "x", x, data);
    const wanted = outputSizes(name, size, ndim);
    const [batch, channels, lengths] = data.split(x);
    checkElements(name, x, data);
    const outs = wanted.map((m, a) => (m === null ? lengths[a] : m));
    const whole = data.join(batch, channels, outs);
    const along = lengths.map((n, a) => n + outs[a] - gcd(n, outs[a]));
    const elements = product([batch === null ? 1n : batch, channels, ...along]);
    return {
      shape: whole, outs, lengths, batch, channels, x, layout: data, elements, along,
      cost: cost(0n, elements, 0n, product(x), product(whole), elements, ITEMSIZE[dtype]),
    };
  }

  /* A number of bytes in the unit that suits it; nothing if that is bytes. */
  function binarySize(n) {
    const unit = n ? Math.min(Math.floor((n.toString(2).length - 1) / 10), 8) : 0;
    if (!unit) return "";
    const step = 1n << BigInt(10 * unit);
    // One digit behind the point, a half to the even neighbour, as Python prints it.
    let tenths = (n * 10n) / step;
    const rest = 2n * ((n * 10n) % step);
    if (rest > step || (rest === step && tenths % 2n)) tenths += 1n;
    return `${grouped(tenths / 10n)}.${tenths % 10n} ${"KMGTPEZY"[unit - 1]}iB`;
  }

  /* A whole number with commas between thousands. */
  const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

  const api = {
    AXES, WORDS, CROPS, ITEMSIZE, Refusal, valueError, repr, grouped, binarySize, integer, perAxis, product, layoutOf,
    samePadding, outputSize, poolWindow, conv, depthwise, transposed, pool, adaptive,
  };
  if (typeof module === "object" && module.exports) module.exports = api;
  else root.cyconvShapes = api;
})(typeof globalThis === "object" ? globalThis : this);
