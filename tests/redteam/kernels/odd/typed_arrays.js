// Returns every kind of typed array.
// must: result [[-1], [65535], [-2], [4294967295], [0.5], [0.25, NaN, -0.0], [18446744073709551615], [-1]]
() => [new Int8Array([-1]), new Uint16Array([-1]), new Int32Array([-2]), new Uint32Array([-1]), new Float32Array([0.5]),
  new Float64Array([0.25, NaN, -0]), new BigUint64Array([2n ** 64n - 1n]), new BigInt64Array([-1n])]
