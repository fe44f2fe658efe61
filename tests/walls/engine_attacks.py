"""What a generator's JavaScript may try, as name -> source, and what the owner is told of it.

`TOLD` is by the attack's name, as a pattern; what is not in it ends as its group does.
"""
# ruff: noqa: E501  (one attack, one line)

from __future__ import annotations


def main(body: str) -> str:
    return "({ main() { %s } })" % body  # noqa: UP031 (braces)


def star(body: str) -> str:
    return "({ *main() { %s } })" % body  # noqa: UP031 (braces)


CPU = {
    "an empty loop": main("for (;;);"),
    "a loop in the file itself": "for (;;);",
    "a loop that catches everything": main("for (;;) try { for (;;); } catch {}"),
    "a loop in finally": main("try { throw 1 } finally { for (;;); }"),
    "sparse join": main("return [{ a: [].join.call({ length: 2 ** 53 - 1 }, '') }]"),
    "sparse array join": main("const a = []; a[4294967294] = 1; return [{ a: a.join('') }]"),
    "sparse indexOf": main("return [{ a: [].indexOf.call({ length: 2 ** 53 - 1 }, 1) }]"),
    "sparse lastIndexOf": main("return [{ a: [].lastIndexOf.call({ length: 2 ** 53 - 1 }, 1) }]"),
    "sparse includes": main("return [{ a: [].includes.call({ length: 2 ** 53 - 1 }, 1) }]"),
    "sparse fill": main("[].fill.call({ length: 2 ** 53 - 1 }, 1)"),
    "sparse reverse": main("[].reverse.call({ length: 2 ** 53 - 1 })"),
    "sparse copyWithin": main("[].copyWithin.call({ length: 2 ** 53 - 1 }, 1, 0)"),
    "sparse shift": main("[].shift.call({ length: 2 ** 53 - 1 })"),
    "sparse unshift": main("[].unshift.call({ length: 2 ** 53 - 3 }, 1)"),
    "sparse splice": main("[].splice.call({ length: 2 ** 53 - 2 }, 0, 1)"),
    "sparse slice": main("[].slice.call({ length: 2 ** 32 - 1 }, 0)"),
    "sparse concat": main("const a = []; a[2 ** 32 - 2] = 1; for (;;) [].concat(a, [])"),
    "sparse flat": main("const a = []; a.length = 2 ** 32 - 1; a.flat()"),
    "sparse sort": main("const a = { length: 2 ** 53 - 1 }; [].sort.call(a)"),
    "sparse every": main("const a = []; a.length = 2 ** 32 - 1; a.every(() => true)"),
    "sparse reduce": main("[].reduce.call({ length: 2 ** 53 - 1 }, () => 0, 0)"),
    "sparse find": main("[].find.call({ length: 2 ** 53 - 1 }, () => false)"),
    "sparse at, for ever": main("const a = []; a.length = 2 ** 32 - 1; for (;;) a.findLastIndex(x => x)"),
    "a replace bomb": main("let s = 'a'.repeat(1e6); for (;;) s.replaceAll('a', '$`')"),
    "a replace bomb with a function": main("'a'.repeat(1e8).replace(/a/g, () => { for (;;); })"),
    "a replace of nothing": main("const s = 'a'.repeat(2e7); for (;;) s.replaceAll('', 'b')"),
    "a split bomb": main("const s = 'ab'.repeat(5e6); for (;;) s.split('a')"),
    "a regex of nested repeats": main("/^(a+)+$/.test('a'.repeat(50) + 'b')"),
    "a regex of alternatives": main("/^(a|a|a|a)*$/.test('a'.repeat(60) + 'b')"),
    "a regex with a back reference": main(r"/^(.*)\1+\1+\1+\1+x$/.test('a'.repeat(1e5))"),
    "a regex looking behind": main("/(?<=(?:b|c)(a+)+)d/.test('a'.repeat(50) + 'd')"),
    "a sticky regex that never moves": main("const r = /(?:)/g; for (;;) { r.lastIndex = 0; r.exec('a') }"),
    "matchAll over a long text": main(
        "const s = 'a'.repeat(1e7); for (;;) for (const m of s.matchAll(/(a)(?=a*$)/g));"
    ),
    "promise jobs for ever": main("const f = () => Promise.resolve().then(f); f(); for (;;) f()"),
    "an async loop": main("(async () => { for (;;) await 0 })(); for (;;);"),
    "a thenable that never settles": main("return { then() { for (;;); } }"),
    "sort with an evil comparator": main(
        "const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort(() => Math.random() - 0.5)"
    ),
    "sort with a comparator that loops": main("[2, 1].sort(() => { for (;;); })"),
    "a power of a BigInt": main("let a = 3n; for (;;) a = a ** 3n % (1n << 100000n)"),
    "a huge power of a BigInt": main("return [{ a: String(7n ** 3000000n).length }]"),
    "BigInt to text": main("const a = (1n << 1000000n) - 1n; for (;;) a.toString()"),
    "text to BigInt": main("const s = '7'.repeat(3e5); for (;;) BigInt(s)"),
    "division of BigInts": main("const a = (1n << 1000000n) - 1n, b = (1n << 500000n) - 1n; for (;;) a / b"),
    "repeat for ever": main("for (;;) 'ab'.repeat(1e7)"),
    "padding for ever": main("for (;;) ''.padEnd(1e8, 'abc')"),
    "normalising": main("const s = 'a\\u0315\\u0300\\u05ae'.repeat(1e6); for (;;) s.normalize('NFKD')"),
    "stringify of much": main("const a = Array(1e6).fill(1); for (;;) JSON.stringify(a)"),
    "parse of much": main("const s = '[' + '1,'.repeat(1e6) + '1]'; for (;;) JSON.parse(s)"),
    "stringify with a replacer that loops": main("JSON.stringify({ a: 1 }, () => { for (;;); })"),
    "typed array sort": main(
        "const a = new Float64Array(1e7); for (;;) { for (let i = 0; i < 1e7; i++) a[i] = -i; a.sort() }"
    ),
    "typed array search": main("const a = new Uint8Array(2e8); for (;;) a.indexOf(1)"),
    "atomics": main("Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)"),
    "a date parser bomb": main("for (;;) Date.parse('1'.repeat(1e6))"),
    "text decoding": main("const s = '%41'.repeat(1e6); for (;;) decodeURIComponent(s)"),
    "comparing long ropes": main(
        "let a = 'a', b = 'a'; for (;;) { a += a.slice(0, 1e5); b += b.slice(0, 1e5); a < b }"
    ),
    "a proxy that answers for ever": main("return new Proxy([], { get(t, k) { for (;;); } })"),
    "an iterator that never answers": main("return { [Symbol.iterator]() { return { next() { for (;;); } } } }"),
    "a symbol conversion that loops": main("return [{ a: `${{ toString() { for (;;); } }}` }]"),
    "a class with a static loop": main("class A { static { for (;;); } }"),
    "a generator that hangs after datasets": star("for (let i = 0; i < 5000; i++) yield { i }; for (;;);"),
    "a generator that resists its end": star("for (;;) try { for (;;) yield {}; } finally { for (;;); }"),
    "eval of much": main("for (;;) eval('1;'.repeat(1e5))"),
    "new functions": main("for (;;) new Function('a'.repeat(1e5), '')"),
}

MEMORY = {
    "one long text": main("let s = 'x'; for (;;) s += s"),
    "many texts": main("const a = []; for (;;) a.push('x'.repeat(1e4) + a.length)"),
    "ropes": main("let s = ''; for (;;) s = s + Math.random() + s.slice(0, 1e3)"),
    "texts of two bytes": main("const a = []; for (;;) a.push('\\u1234'.repeat(1e6))"),
    "a dense array": main("const a = []; for (;;) a.push(1.5)"),
    "an array filled at once": main("return Array(2 ** 32 - 1).fill({})"),
    "an array from a length": main("return Array.from({ length: 2 ** 32 })"),
    "nested arrays": main("let a = []; for (;;) a = [a, a.slice()]"),
    "an array spread": main("let a = [1]; for (;;) a = [...a, ...a]"),
    "ArrayBuffers": main("const a = []; for (;;) a.push(new ArrayBuffer(1e7))"),
    "one ArrayBuffer": main("new ArrayBuffer(2 ** 40)"),
    "a growing ArrayBuffer": main(
        "const b = new ArrayBuffer(8, { maxByteLength: 2 ** 33 }); for (let n = 8;; n *= 2) b.resize(n)"
    ),
    "shared buffers": main("const a = []; for (;;) a.push(new SharedArrayBuffer(1e7))"),
    "typed arrays": main("const a = []; for (;;) a.push(new Float64Array(1e6).fill(1))"),
    "a Map": main("const m = new Map(); for (let i = 0;; i++) m.set(i, { i })"),
    "a Set": main("const m = new Set(); for (let i = 0;; i++) m.add('key ' + i)"),
    "a WeakMap": main("const m = new WeakMap(), a = []; for (;;) { const o = {}; a.push(o); m.set(o, [1, 2, 3]) }"),
    "BigInts": main("const a = []; for (;;) a.push((1n << 1000000n) + BigInt(a.length))"),
    "one BigInt": main("let a = 2n; for (;;) a *= a"),
    "closures": main("let f = () => 0; for (;;) { const g = f; f = () => [g] }"),
    "recursion": main("function f(n) { return f(n + 1) + 1 } return [{ a: f(0) }]"),
    "recursion by getters": main("const o = { get a() { return this.a } }; return [o]"),
    "recursion by proxies": main("let p = {}; for (let i = 0; i < 1e6; i++) p = new Proxy(p, {}); return [p]"),
    "recursion by toString": main("const o = { toString() { return `${this}` } }; return [{ a: `${o}` }]"),
    "bound functions": main("let f = () => 0; for (let i = 0; i < 1e7; i++) f = f.bind(null, i); f()"),
    "regex captures": main("const a = []; for (;;) a.push(/(.*)(.*)(.*)/.exec('x'.repeat(1e5) + a.length))"),
    "a huge regex": main("for (let i = 1;; i *= 2) new RegExp('(?:a{1,1000}){1,1000}'.repeat(i))"),
    "a regex of many groups": main("new RegExp('(a)'.repeat(1e6))"),
    "a split into everything": main("const a = []; for (;;) a.push('ab'.repeat(1e6).split(''))"),
    "WeakRefs": main("const a = []; for (;;) a.push(new WeakRef({ a: [1, 2, 3] }))"),
    "finalizers": main("const r = new FinalizationRegistry(() => { for (;;); }); for (;;) r.register({}, [1])"),
    "symbols": main("const a = []; for (;;) a.push(Symbol.for('s' + a.length))"),
    "names of fields": main("const o = {}; for (let i = 0;; i++) o['field ' + i] = i"),
    "shapes": main("for (let i = 0;; i++) globalThis['g' + i] = { ['x' + i]: i }"),
    "promises": main("const a = []; for (;;) a.push(new Promise(() => {}))"),
    "generators": main("const a = []; function* g() { yield 1 } for (;;) { const i = g(); i.next(); a.push(i) }"),
    "errors with stacks": main("const a = []; for (;;) a.push(new Error('x'.repeat(1e4) + a.length))"),
    "globals of functions": main("const a = []; for (;;) a.push(new Function('return ' + a.length))"),
    "a huge argument list": main("Math.max.apply(null, { length: 1e8 })"),
    "a structured reviver": main(
        "JSON.parse('[1,2,3]', function (k, v) { return Array(1e6).fill(this) }); const a = []; for (;;) a.push(Array(1e6).fill(0))"
    ),
}

PARSING = {
    "parentheses": "(" * 400_000,
    "brackets": "[" * 400_000,
    "braces": "{" * 400_000,
    "template literals": "`${" * 200_000,
    "arrow functions": "a=>" * 200_000,
    "functions": "(function(){" * 100_000,
    "classes": "class A extends " * 50_000,
    "unary operators": "!" * 400_000,
    "additions": "1+" * 400_000 + "1",
    "conditions": "a?" * 200_000,
    "powers": "2**" * 200_000 + "1",
    "new": "new " * 200_000,
    "await": "async()=>{" + "await " * 200_000,
    "yield": "function*g(){" + "yield " * 200_000,
    "optional chains": "a" + "?.b" * 200_000,
    "commas": "({main(){return [" + "{}," * 300_000,
    "an unterminated text": "({ main() { return '" + "x" * 900_000,
    "an unterminated comment": "/*" * 400_000,
    "an unterminated template": "`" + "x" * 900_000,
    "an unterminated regex": "/" + "(" * 400_000,
    "null bytes": "\0" * 400_000,
    "a byte order mark and nothing": "\ufeff",
    "lone surrogates": "\ud800" * 200_000,
    "line separators": "\u2028" * 400_000 + "(",
    "a huge number": "1" * 900_000 + "x",
    "a huge BigInt": "1" * 900_000 + "n",
    "a huge name": "a" * 900_000,
    "many names": "var " + ",".join(f"v{i}" for i in range(70_000)) + "; 1",
    "an escape without end": "\\u{" + "0" * 900_000,
    "html comments": "<!--" * 200_000,
    "a hashbang": "#!" + "x" * 900_000 + "\n1",
    "deep destructuring": "var " + "[" * 100_000 + "a",
    "labels": "a:" * 200_000,
    "switch cases": "switch(1){" + "case 1:" * 130_000 + "}",
    "early closing": "})();throw 1;(function(){",
    "closing the prelude's parenthesis": ")\n;(({main(){return 5}})",
    "nothing": "",
    "spaces": " " * 900_000,
}

SERIALISING = {
    "a getter that loops": main("return [{ get a() { for (;;); } }]"),
    "a getter that grows": main(
        "const o = {}; let n = 0; Object.defineProperty(o, 'a', { enumerable: true, get() { const a = []; for (;;) a.push('x'.repeat(1e5) + n++) } }); return [o]"
    ),
    "a getter that adds fields": main(
        "const o = { get a() { for (let i = 0;; i++) o['f' + i] = o }, b: 1 }; return [o]"
    ),
    "a toJSON that loops": main("return [{ a: 1, toJSON() { for (;;); } }]"),
    "a proxy with endless keys": main("return [new Proxy({}, { ownKeys() { for (;;); } })]"),
    "a proxy of many keys": main(
        "return [new Proxy({}, { ownKeys: () => Array.from({ length: 1e7 }, (_, i) => 'k' + i) })]"
    ),
    "a proxy of a prototype": main("return [new Proxy({}, { getPrototypeOf() { for (;;); } })]"),
    "a cycle": main("const a = {}; a.a = a; return [a]"),
    "a cycle of arrays": main("const a = []; a.push(a); return [{ a }]"),
    "a sparse array as a field": main("const a = []; a[4294967294] = 1; return [{ a }]"),
    "a sparse array of datasets": main("const a = []; a[4294967294] = {}; return a"),
    "a dataset that doubles": main("let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; return [{ a }]"),
    "a huge key": main("return [{ ['k'.repeat(2e7)]: 1 }]"),
    "many keys": main("const o = {}; for (let i = 0; i < 3e5; i++) o['key number ' + i] = i; return [o]"),
    "a huge text": main("return [{ a: 'x'.repeat(5e7) }]"),
    "a text that grows in JSON": main("return [{ a: '\\u0001'.repeat(2e7) }]"),
    "a lone surrogate": main("return [{ a: '\\ud800' }]"),
    "deep nesting": main("let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return [a]"),
    "a typed array": main("return [{ a: new Uint8Array(1e7) }]"),
    "a setter on all arrays": main(
        "Object.defineProperty(Array.prototype, 0, { set() { for (;;); } }); return [{ a: [1] }, { get b() { throw 1 } }]"
    ),
    "a patched stringify": main(
        "JSON.stringify = () => { for (;;); }; Array.prototype.join = () => '!!'; String.prototype.slice = () => 'x'; return [{ get a() { throw new Error('mine') } }]"
    ),
    "an error whose message loops": main("throw { get message() { for (;;); } }"),
    "an error whose stack is huge": main("const e = new Error('x'); e.stack = 'y'.repeat(5e7); throw e"),
    "an error whose name is a proxy": main("throw { message: 'x', name: new Proxy({}, { get() { for (;;); } }) }"),
    "an error of a huge message": main("throw new Error('x'.repeat(5e7))"),
    "a forged report": main("throw { __proto__: null, reason: 'I say so', dataset: 7, tooMany: true }"),
}

FLOODS = {
    "tiny datasets by an array": main("return Array(5e6).fill({})"),
    "tiny datasets for ever": star("for (;;) yield {}"),
    "tiny datasets, then nothing": star("for (let i = 0; i < 2e5; i++) yield {}; for (;;);"),
    "one number for ever": star("for (let i = 0;; i++) yield { i }"),
    "large datasets for ever": star("const s = 'x'.repeat(9e5); for (;;) yield { s }"),
    "datasets of many fields": star("const o = {}; for (let i = 0; i < 2e4; i++) o['f' + i] = i; for (;;) yield o"),
    "deep datasets for ever": star("let o = {}; for (let i = 0; i < 60; i++) o = { o }; for (;;) yield o"),
    "empty arrays inside": star("const a = Array(2e5).fill(0).map(() => []); for (;;) yield { a }"),
    "empty objects inside": star("const a = Array(2e5).fill(0).map(() => ({})); for (;;) yield { a }"),
    "texts of four bytes": star("const s = '\\u{1F600}'.repeat(2e5); for (;;) yield { s }"),
}

TOO_LONG = "ran longer than"
MEMORY_OR_TIME = "of memory|ran longer than"
STACK = "Maximum call stack size exceeded"
TOO_LARGE = "dataset 0 is larger than 1 MB"
NO_MAIN = "must evaluate to an object with a function main"
TOLD = {
    "a split bomb": MEMORY_OR_TIME,
    "normalising": MEMORY_OR_TIME,
    "comparing long ropes": MEMORY_OR_TIME,
    "promise jobs for ever": MEMORY_OR_TIME,
    "an async loop": MEMORY_OR_TIME,
    "a thenable that never settles": "a promise",
    "atomics": "cannot block in this thread",
    "a huge power of a BigInt": "BigInt is too large",
    "one long text": "string too long",
    "an array from a length": "invalid array length",
    "one ArrayBuffer": "invalid array buffer length",
    "a growing ArrayBuffer": "invalid max array buffer length",
    "one BigInt": "BigInt is too large",
    "recursion": STACK,
    "recursion by getters": STACK,
    "recursion by toString": STACK,
    "a huge regex": "SyntaxError|of memory|ran longer than",
    "a regex of many groups": "too many captures",
    "a huge argument list": "too many arguments",
    "additions": NO_MAIN,
    "a byte order mark and nothing": NO_MAIN,
    "html comments": NO_MAIN,
    "nothing": NO_MAIN,
    "spaces": NO_MAIN,
    "switch cases": NO_MAIN,
    "optional chains": "a is not defined",
    "a huge name": "is not defined",
    "a huge BigInt": "BigInt is too large",
    "a toJSON that loops": "field 'toJSON': a function cannot be stored",
    "a getter that grows": MEMORY_OR_TIME,
    "a getter that adds fields": MEMORY_OR_TIME,
    "a proxy of many keys": MEMORY_OR_TIME + "|" + TOO_LARGE,
    "a cycle": "nested deeper than 64 levels",
    "a cycle of arrays": "nested deeper than 64 levels",
    "deep nesting": "nested deeper than 64 levels",
    "a sparse array as a field": "a hole in an array",
    "a sparse array of datasets": "more than 1,000,000 datasets",
    "a dataset that doubles": TOO_LARGE,
    "a huge key": TOO_LARGE,
    "many keys": TOO_LARGE + "|ran longer than",
    "a huge text": TOO_LARGE + "|ran longer than",
    "a text that grows in JSON": TOO_LARGE + "|ran longer than",
    "a lone surrogate": "half a surrogate pair",
    "a typed array": "an object of class Uint8Array",
    "a patched stringify": "dataset 0: Error: mine",
    "an error whose stack is huge": "^Error: x$",
    "an error of a huge message": "^Error: x{400,500}",
    "a forged report": "a value that cannot be shown",
    "tiny datasets by an array": "more than 1,000,000 datasets",
    "tiny datasets for ever": "ran longer than|more than 1,000,000",
    "large datasets for ever": "larger than 64 MB in all|ran longer than",
    "texts of four bytes": "larger than 64 MB in all|ran longer than",
}
