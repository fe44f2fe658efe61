"""What a kernel, and a page around the embed, cannot do."""

from __future__ import annotations

import re

import pytest

from tests.browser.harness.desk import COUNT, DOUBLE, Desk

pytestmark = pytest.mark.browser


NETWORK_ATTEMPTS = """
{main: async function () {
  var url = '%LOG%/leak', global = Function('return this')(), tried = [];
  var attempts = {
    fetch: function () { return global.fetch(url + 'fetch', {mode: 'no-cors'}); },
    importing: function () { return import(url + 'import'); },
    importingData: function () { return import('data:text/javascript,export default 1'); },
    importScripts: function () { return global.importScripts(url + 'scripts'); },
    request: function () { var r = new global.XMLHttpRequest(); r.open('GET', url + 'xhr', false); r.send(); },
    socket: function () { return new global.WebSocket('%LOG%/leaksocket'.replace('http', 'ws')); },
    events: function () { return new global.EventSource(url + 'events'); },
    beacon: function () { return global.navigator.sendBeacon(url + 'beacon'); },
    worker: function () {
      return new global.Worker(global.URL.createObjectURL(new global.Blob(['fetch("' + url + 'nested")'])));
    },
    shared: function () { return new global.SharedWorker(url + 'shared'); },
    storage: function () { return global.indexedDB.open('x'); },
    channel: function () { return new global.BroadcastChannel('x'); },
    post: function () { return global.postMessage('x'); },
  };
  for (var name in attempts) {
    try { await attempts[name](); tried.push(name + ' WORKED'); } catch (e) { tried.push(name + ' ' + e.name); }
  }
  return tried;
}}
"""

STEALING = """
(function () {
  var stolen = '';
  function note(what) { stolen += what + ' '; }
  function spy(owner, name) {
    var old = owner[name];
    owner[name] = function () { note(name); return Reflect.apply(old, this, arguments); };
  }
  var typed = Object.getPrototypeOf(Uint8Array.prototype);
  spy(Promise.prototype, 'then'); spy(Array.prototype, 'push'); spy(Array.prototype, 'map');
  spy(Function.prototype, 'apply'); spy(Function.prototype, 'call'); spy(typed, 'set'); spy(typed, 'subarray');
  spy(typed, 'slice'); spy(TextDecoder.prototype, 'decode'); spy(TextEncoder.prototype, 'encodeInto');
  spy(Object, 'keys'); spy(Map.prototype, 'forEach'); spy(String.prototype, 'charCodeAt'); spy(JSON, 'stringify');
  spy(DataView.prototype, 'setFloat64'); spy(DataView.prototype, 'getFloat64');
  ['length', 'buffer', 'byteOffset', 'byteLength'].forEach(function (name) {
    var get = Object.getOwnPropertyDescriptor(typed, name).get;
    Object.defineProperty(typed, name, {get: function () { note(name); return Reflect.apply(get, this, []); }});
  });
  Object.defineProperty(typed.constructor, Symbol.species, {get: function () { note('species'); return Uint8Array; }});
  Array.prototype[Symbol.iterator] = function () { note('iterator'); return {next: function () {
    return {done: true}; }}; };
  for (var i = 0; i < 4; i += 1) (function (i) {
    Object.defineProperty(Object.prototype, String(i), {
      set: function (v) { note('setter ' + i); }, get: function () { return undefined; }, configurable: true});
  })(i);
  Object.prototype.value = 1; Object.prototype.get = undefined;
  Error.prepareStackTrace = function (e, frames) {
    for (var i = 0; i < frames.length; i += 1) {
      if (frames[i].getFunction() && !/kernel/.test(frames[i].getFileName() || 'kernel')) note('function');
      if (frames[i].getThis()) note('this');
    }
    return 'trace';
  };
  return {main: async function (d) {
    new Error().stack;
    var map = new Map();
    map.set(1, d);
    return {stolen: stolen, float: 1.5, text: 'héllo', list: map, seen: d.list};
  }};
})()
"""


# The global names of ECMAScript, those that browsers are about to bring included.
LANGUAGE = """
    AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean DataView
    Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity
    Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError
    ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol SyntaxError Temporal TypeError
    URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent
    encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape
"""
# Constants of a retired file interface, which a script cannot delete.
UNREMOVABLE_NUMBERS = {"PERSISTENT", "TEMPORARY"}


class TestWalls:
    """A kernel computes, and can do nothing else."""

    def test_no_attempt_at_the_network_makes_a_request(self, desk: Desk) -> None:
        server = desk.serve(NETWORK_ATTEMPTS.replace("%LOG%", desk.site.url), [{}])
        page = desk.visit()
        page.frame_locator("iframe").get_by_role("button", name="Start").click()
        server.wait(lambda: server.finished)
        assert server.errors == {}
        assert [tried for tried in server.results[0] if "WORKED" in tried] == []
        assert len(server.results[0]) == 13
        page.wait_for_timeout(300)
        assert [path for path in desk.site.requests if "leak" in path] == []

    def test_a_kernel_finds_only_the_language_in_its_global_object(self, desk: Desk) -> None:
        kernel = """{main: function () {
          var names = [], o = globalThis;
          for (; o && o !== Object.prototype; o = Object.getPrototypeOf(o)) names = names.concat(Reflect.ownKeys(o)
            .filter(function (k) { return typeof k === 'string'; }));
          return names.sort();
        }}"""
        server = desk.serve(kernel, [{}])
        desk.start()
        server.wait(lambda: server.finished)
        names = set(server.results[0])
        assert {"Object", "WebAssembly", "TextDecoder", "console", "report", "eval"} <= names
        ours = {"WebAssembly", "TextDecoder", "TextEncoder", "console", "report"}
        assert names - set(LANGUAGE.split()) - ours <= UNREMOVABLE_NUMBERS

    def test_replacing_the_languages_own_functions_reaches_nothing(self, desk: Desk) -> None:
        server = desk.serve(STEALING, [{"i": i, "list": [1.25, "x", {"0": 1}]} for i in range(5)])
        desk.start()
        server.wait(lambda: server.finished)
        assert server.errors == {}
        assert [result["stolen"] for result in server.results.values()] == [""] * 5
        assert server.results[3]["text"] == "héllo"
        assert server.results[3]["list"] == [[1, {"i": 3, "list": [1.25, "x", {"0": 1}]}]]

    def test_a_kernel_cannot_answer_for_another_dataset_or_twice(self, desk: Desk) -> None:
        kernel = """(function () {
          var global = Function('return this')(), forged = ['answers', [1, 0, new Uint8Array([1])]];
          var found = ['postMessage', 'onmessage', 'MessagePort', 'MessageChannel', 'port', 'close', 'dispatchEvent']
            .filter(function (name) { return name in global; });
          global.onmessage = function (e) { found.push('heard'); };
          return {main: async function (d) {
            try { global.postMessage(forged); found.push('posted'); } catch (e) {}
            for (var i = 0; i < 50; i += 1) await null;
            return {i: d.i, found: found};
          }};
        })()"""
        server = desk.serve(kernel, COUNT)
        desk.start()
        server.wait(lambda: server.finished)
        assert server.results == {i: {"i": i, "found": []} for i in range(40)}
        assert server.broken == []

    def test_messages_from_a_page_around_the_embed_change_nothing(self, desk: Desk) -> None:
        server = desk.serve(DOUBLE, COUNT)
        page = desk.visit()
        page.evaluate("""() => {
          const embed = document.querySelector('iframe').contentWindow;
          setInterval(() => {
            const channel = new MessageChannel();
            embed.postMessage('manyhands-open', '*', [channel.port1]);
            try { embed[0].postMessage('manyhands-open', '*', [channel.port2]); } catch { /* not there yet */ }
          }, 1);
        }""")
        page.frame_locator("iframe").get_by_role("button", name="Start").click()
        server.wait(lambda: server.finished)
        assert server.results == {i: 2 * i for i in range(40)}

    def test_pages_and_frames_come_with_their_policies(self, desk: Desk) -> None:
        page = desk.browser.new_page()
        desk.stack.callback(page.close)
        embed = page.goto(f"{desk.compute_url}/embed/1")
        assert embed is not None
        policy = embed.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert f"script-src {desk.compute_url}/static/dist/embed.js;" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors" not in policy
        assert "set-cookie" not in embed.headers
        inner = page.goto(f"{desk.compute_url}/inner")
        assert inner is not None
        assert re.fullmatch(
            r"sandbox allow-scripts; default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]+' 'unsafe-eval' "
            r"'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'; form-action 'none'",
            inner.headers["content-security-policy"],
        )
