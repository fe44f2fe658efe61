"""A child that runs Python where the real one runs the engine, to prove the operating system's walls by themselves.

It starts, reads and locks itself down as the real child does, then executes the request's source as Python, with the
names below at hand. A first line `# only: LAYER,LAYER` leaves all other layers out, `# only:` leaves all of them out.
"""

import ctypes
import errno
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.abspath(__file__).rpartition("/tests/")[0] + "/worker_sandbox")

import child

child.open_package()
lockdown = importlib.import_module("worker_sandbox.lockdown")
TOOLS = [ctypes, errno, json, mmap, os, resource, lockdown.seccomp, signal, socket, struct, sys, time]
SYSCALLS = sys.modules["worker_sandbox.syscalls"]
PREFIX = "# only:"
PARENT = int(sys.argv[1])
all_layers = lockdown.layers
read_input = child.read_input


def read_input_and_choose_layers():
    """Read the request; if it says so, leave layers out before the child puts them up."""
    text = read_input()
    first = json.loads(text.split("\n")[1]).split("\n")[0]
    if first.startswith(PREFIX):
        only = first.removeprefix(PREFIX).strip().split(",")
        lockdown.layers = lambda *given: [layer for layer in all_layers(*given) if layer[0] in only]
    return text


def say(value):
    """Send one dataset, which is how an attack tells what it saw."""
    child.send(b"C", json.dumps({"said": value}).encode())


def outcome(attack):
    """Return what became of an attack: `done`, or the name of the error that it met."""
    try:
        attack()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    except Exception as error:
        return type(error).__name__
    return "done"


def run_python(_step, source):
    """Execute the source after the lock-down, then end as the real child does."""
    names = {tool.__name__.split(".")[-1]: tool for tool in TOOLS}
    child.send(b"A")
    exec(
        json.loads(source),
        {**names, "say": say, "outcome": outcome, "send": child.send, "syscalls": SYSCALLS, "PARENT": PARENT},
    )
    child.send(b"E")


child.read_input = read_input_and_choose_layers
child.run = run_python
child.main()
os._exit(0)
