// Returns numbers that JSON cannot hold.
// must: result {"n": NaN, "i": Infinity, "m": -Infinity, "z": -0.0, "whole": 1, "half": 0.5}
() => ({ n: NaN, i: Infinity, m: -Infinity, z: -0, whole: 1, half: 0.5 })
