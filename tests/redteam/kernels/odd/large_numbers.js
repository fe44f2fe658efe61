// Returns whole numbers that a number cannot hold exactly: they stay what they are, floats.
// must: result [9007199254740992.0, -9007199254740992.0, 1e+300, 5e-324]
() => [2 ** 53, -(2 ** 53), 1e300, 5e-324]
