"""Import every module of a package and report, as JSON, which effects the imports had.

Run as ``python import_probe.py PACKAGE``; not a test itself. The package is imported twice: the first pass
loads the libraries it needs, whose own effects are not the package's; then the state is cleaned, the package
is forgotten, and the second pass is watched.
"""

import contextlib
import importlib
import io
import json
import logging
import os
import pkgutil
import random
import sys

import numpy as np

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chdir"}


def import_all(package):
    root = importlib.import_module(package)
    names = [package, *(m.name for m in pkgutil.walk_packages(root.__path__, f"{package}."))]
    for name in names:
        importlib.import_module(name)
    return names


def forget(package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def handlers(package):
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == package]
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    return [f"{logger.name}: {handler}" for logger in loggers for handler in logger.handlers]


def random_state():
    _, words, position, *_ = np.random.get_state()  # noqa: NPY002
    return random.getstate(), words.tolist(), position


def watch(events):
    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                events.append(f"open for writing: {path}")
        elif event in CHANGES:
            events.append(f"{event}: {arguments[0]}")

    sys.addaudithook(hook)


def main(package):
    environment = dict(os.environ)
    printed, events = io.StringIO(), []
    with contextlib.redirect_stdout(io.StringIO()):
        import_all(package)
    forget(package)

    os.environ.clear()
    os.environ.update(environment)
    logging.getLogger().handlers.clear()
    random.seed(20091)  # whoever sets another seed, or draws, leaves another state
    np.random.seed(20091)  # noqa: NPY002
    before = random_state()
    watch(events)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        names = import_all(package)
    report = {
        "modules": names,
        "printed": printed.getvalue(),
        "changes": list(events),
        "handlers": handlers(package),
        "environment": sorted({name for name, _ in environment.items() ^ os.environ.items()}),
        "random": random_state() != before,
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(sys.argv[1])
