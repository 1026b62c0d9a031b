"""One program's day as steps: each prints its result, or the error that it met, as one line of JSON."""

import json
import os
import sys

HOST, PORT = os.environ["DAY_HOST"], int(os.environ["DAY_PORT"])
USER, PASSWORD, DATABASE = os.environ["DAY_USER"], os.environ["DAY_PASSWORD"], os.environ["DAY_DATABASE"]
DSN = f"host={HOST} port={PORT} user={USER} password={PASSWORD} dbname={DATABASE} sslmode=disable"
URL = f"{USER}:{PASSWORD}@{HOST}:{PORT}/{DATABASE}"
notices = []


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
    try:
        result = work(*arguments, **options)
    except Exception as error:
        emit(name, error=failure(error))
        return None
    emit(name, result=repr(result))
    return result


async def astep(name, awaitable):
    try:
        result = await awaitable
    except Exception as error:
        emit(name, error=failure(error))
        return None
    emit(name, result=repr(result))
    return result
