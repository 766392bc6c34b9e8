# What the rendered programs use: the operations on generators and the trace they write.
import gc
import inspect
import os
import sys


class A(Exception):
    pass


class B(Exception):
    pass


last = None


def log(*words):
    print(*words)


def describe(error):
    if isinstance(error, (A, B)):
        return f"{type(error).__name__}({error.args[0]})"
    if isinstance(error, GeneratorExit):
        return "GeneratorExit"
    return f"{type(error).__name__}: {error}"


def state(generator):
    return inspect.getgeneratorstate(generator)[len("GEN_"):].lower()


def keep(error):
    # Without its traceback, which would keep frames and what they refer to alive.
    global last
    error.__context__ = None
    last = error.with_traceback(None)


def operate(G, name, what, call):
    log(f"> {what} {name}")
    generator = G[name]
    before = state(generator)
    try:
        outcome = f"yielded {call(generator)}"
    except StopIteration as stop:
        # Python raises an empty StopIteration for ever after; corro calls it Finished.
        outcome = "finished" if before == "closed" else f"returned {stop.value}"
    except BaseException as error:
        if before == "created" and isinstance(error, TypeError):
            outcome = "not started"
        else:
            keep(error)
            outcome = f"raised {describe(error)}"
    log(f"{outcome} [{state(generator)}]")


def do_next(G, name):
    operate(G, name, "next", next)


def do_send(G, name, value):
    operate(G, name, f"send {value}", lambda generator: generator.send(value))


def do_throw(G, name, error):
    operate(G, name, f"throw {describe(error)}", lambda generator: generator.throw(error))


def do_throw_last(G, name):
    do_throw(G, name, last)


def do_close(G, name):
    log(f"> close {name}")
    generator = G[name]
    try:
        value = generator.close()
        outcome = "closed" if value is None else f"closed with {value}"
    except BaseException as error:
        if isinstance(error, RuntimeError) and str(error) == "generator ignored GeneratorExit":
            outcome = "ignored"
        else:
            keep(error)
            outcome = f"raised {describe(error)}"
    log(f"{outcome} [{state(generator)}]")


def do_drop(G, name):
    log(f"> drop {name}")
    del G[name]
    log("dropped")


def do_renew(G, name, function):
    log(f"> renew {name}")
    G[name] = function()


def do_list(G, name):
    log(f"> list {name}")
    log(list(G[name]), f"[{state(G[name])}]")


def end(G, names):
    for name in names:
        if name in G:
            do_drop(G, name)


def unraisable(report):
    log("unraisable", describe(report.exc_value))


sys.unraisablehook = unraisable
# A generator in a cycle of references would be finalised in the trace of another program.
gc.disable()
print("python", sys.version_info.major, sys.version_info.minor)
