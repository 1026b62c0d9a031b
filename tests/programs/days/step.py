"""One program's day as steps: each prints its result, or the error that it met, as one line of JSON."""

import asyncio
import json
import os
import signal

HOST, PORT = os.environ["DAY_HOST"], int(os.environ["DAY_PORT"])
USER, PASSWORD, DATABASE = os.environ["DAY_USER"], os.environ["DAY_PASSWORD"], os.environ["DAY_DATABASE"]
DSN = f"host={HOST} port={PORT} user={USER} password={PASSWORD} dbname={DATABASE} sslmode=disable"
URL = f"{USER}:{PASSWORD}@{HOST}:{PORT}/{DATABASE}"
notices = []
# A step that hangs is a difference like another; what comes after it must still be seen.
PATIENCE = 12
after_hang = {}


class Hangs(Exception):
    pass


def _too_long(*_):
    raise Hangs(f"not done in {PATIENCE} s")


signal.signal(signal.SIGALRM, _too_long)


def emit(name, **what):
    if notices:
        what["notices"] = list(notices)
        notices.clear()
    print(json.dumps({"name": name, **what}, default=repr, ensure_ascii=True), flush=True)


def failure(error):
    """SQLSTATE and first line of an error, wherever the driver put them."""
    seen = error
    for _ in range(5):
        code = getattr(seen, "sqlstate", None) or getattr(seen, "pgcode", None)
        if code:
            break
        following = getattr(seen, "orig", None) or seen.__cause__ or seen.__context__
        if following is None or following is seen:
            code = None
            break
        seen = following
    return {"kind": type(seen).__name__, "sqlstate": code, "message": (str(seen).splitlines() or [""])[0]}


def step(name, work, *arguments, **options):
    """Runs one step; its error is its result."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 1)
    try:
        result = work(*arguments, **options)
    except Hangs as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        emit(name, error=failure(error))
        after_hang.get("do", lambda: None)()
        return None
    except Exception as error:
        emit(name, error=failure(error))
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    emit(name, result=repr(result))
    return result


async def astep(name, awaitable):
    task = asyncio.ensure_future(awaitable)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    if not done:
        emit(name, error={"kind": "Hangs", "sqlstate": None, "message": f"not done in {PATIENCE} s"})
        task.cancel()
        await after_hang["do"]() if "do" in after_hang else None
        return None
    try:
        result = task.result()
    except Exception as error:
        emit(name, error=failure(error))
        return None
    emit(name, result=repr(result))
    return result
