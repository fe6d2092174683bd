"""The peers of a prediction over HTTP: `python -m benchmarks.plain_server empty|pipeline PORT [MODEL_DIRECTORY]`.

`pipeline` is what one writes by hand: a Starlette handler that makes a DataFrame of the request's row and calls the
same pipeline, one thread; `empty` answers nothing and is the limit of the server itself.
"""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def empty() -> Any:
    async def answer(request: Request) -> Response:
        await request.body()
        return Response(b"{}", media_type="application/json")

    return answer


def pipeline(directory: Path) -> Any:
    import pandas
    import skops.io
    import threadpoolctl

    threadpoolctl.threadpool_limits(1)
    file = directory / "model.skops"
    fitted = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    columns = [one["name"] for one in json.loads((directory / "signature.json").read_bytes())["columns"]]

    async def answer(request: Request) -> Response:
        rows = json.loads(await request.body())["dataframe_records"]
        frame = pandas.DataFrame(rows)[columns]
        probabilities = fitted.predict_proba(frame)
        predictions = fitted.classes_[probabilities.argmax(axis=1)]
        return JSONResponse({"predictions": predictions.tolist(), "probabilities": probabilities.tolist()})

    return answer


def main() -> None:
    what, port = sys.argv[1], int(sys.argv[2])
    answer = empty() if what == "empty" else pipeline(Path(sys.argv[3]))
    app = Starlette(routes=[Route("/invocations", answer, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
