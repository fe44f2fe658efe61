"""The child of `check.py`: puts every layer up, says what became of each, and runs nothing. Started as a script.

Command line: as `child.py`. Standard output: a line for each layer: its name, `holds`, `absent` or `failed`, and
the detail, with tabs between them. Ends with a system call that the filter must not let through.
"""

import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import child  # type: ignore[import-not-found]


def tell(*words: str) -> None:
    os.write(1, ("\t".join(words).replace("\n", " ") + "\n").encode())


def main() -> None:
    child.open_package()
    from worker_sandbox import lockdown
    from worker_sandbox.syscalls import LayerAbsent, LayerFailed

    resources = [child.parse_resource(each) for each in sys.argv[5:]]
    for name, put_up in lockdown.layers(resources, int(sys.argv[1])):
        try:
            lockdown.put_up_layer(name, put_up)
            tell(name, "holds")
        except LayerAbsent as error:
            tell(name, "absent", error.detail)
        except LayerFailed as error:
            tell(name, "failed", error.detail)
    os.getppid()
    os._exit(0)


if __name__ == "__main__":
    main()
