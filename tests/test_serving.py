"""The examples of docs/serving.md, run against TensorFlow Serving's documented rules."""

import base64
import http.server
import io
import json
import pathlib
import re
import threading

import drawn
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfstyle import stylebook, stylizer

DOCUMENT = (pathlib.Path(__file__).parents[1] / "docs" / "serving.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


ARRAY, NAMED_ARRAY, FILE = "".join(blocks("json")).splitlines()


def predict(model, body):
    """Answers a request in row format as Serving does (tensorflow.org/tfx/serving/api_rest, util/json_tensor.cc)."""
    request = json.loads(body)
    signature = model.signatures[request.get("signature_name", "serving_default")]
    specs = signature.structured_input_signature[1]
    rows = [row if is_named(row) else {only(specs): row} for row in request["instances"]]
    assert all(set(row) == set(specs) for row in rows)
    columns = {name: [read(row[name]) for row in rows] for name in specs}
    outputs = signature(**{name: tf.constant(columns[name], spec.dtype) for name, spec in specs.items()})
    name = only(outputs)  # With several outputs, every row would be an object.
    return json.dumps({"predictions": written(outputs[name].numpy().tolist(), name)})


def is_file(value):
    return isinstance(value, dict) and list(value) == ["b64"]


def is_named(row):
    return isinstance(row, dict) and not is_file(row)


def only(names):
    (name,) = names
    return name


def read(value):
    if isinstance(value, list):
        return [read(each) for each in value]
    return base64.b64decode(value["b64"], validate=True) if is_file(value) else value


def written(value, name):
    """Strings become base64 if the output's name asks for it; others must be UTF-8."""
    if isinstance(value, list):
        return [written(each, name) for each in value]
    if not isinstance(value, bytes):
        return value
    return {"b64": base64.b64encode(value).decode()} if name.endswith("_bytes") else value.decode()


@pytest.fixture(scope="module")
def folder():
    """A style as users have it."""
    return stylebook.find("starry_night")


@pytest.fixture(scope="module")
def model(folder):
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def paint(folder):
    """In float32, as Serving runs a SavedModel."""
    return stylizer.Stylizer(folder, runtime="savedmodel", precision="float32")


@pytest.fixture
def port(model):
    """Port of a server that offers the model under the name in the docker command."""
    name, mounted = re.search(r"MODEL_NAME=(\S+) .*?:(/models/\S+):ro", DOCUMENT, re.DOTALL).groups()
    assert mounted == f"/models/{name}/1"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            found = self.path == f"/v1/models/{name}:predict"
            answer = predict(model, self.rfile.read(int(self.headers["Content-Length"]))) if found else ""
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *words):
            """Logs nothing."""

    with http.server.HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def opened(file):
    with Image.open(io.BytesIO(base64.b64decode(file["b64"]))) as picture:
        return picture.format, picture.size


@pytest.mark.parametrize("request_", [ARRAY, NAMED_ARRAY, ARRAY.replace('"signature_name": "serve", ', "")])
def test_arrays(model, paint, request_):
    image = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    assert json.loads(predict(model, request_)) == {"predictions": [paint(image).tolist()]}


def test_files(model):
    (painted,) = json.loads(predict(model, FILE))["predictions"]
    assert opened(painted) == ("JPEG", (1, 1))


def test_files_of_different_sizes(model):
    images = [drawn.photo(30, 44), drawn.photo(21, 16)]
    instances = [{"b64": base64.b64encode(drawn.file(image, "PNG")).decode()} for image in images]
    answer = json.loads(predict(model, json.dumps({"signature_name": "bytes", "instances": instances})))
    assert [opened(painted) for painted in answer["predictions"]] == [("JPEG", (44, 30)), ("JPEG", (16, 21))]


def test_table_of_signatures(model):
    rows = re.findall(r"^\| (`.*?) \|.*\| `(\w+)`", DOCUMENT, re.MULTILINE)
    outputs = {name: output for names, output in rows for name in re.findall(r"\w+", names)}
    assert outputs == {name: only(each.structured_outputs) for name, each in model.signatures.items()}


def test_client(port, paint, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "localhost")
    photo = drawn.photo(33, 47)
    pathlib.Path("photo.jpg").write_bytes(drawn.file(photo, "JPEG", quality=95))
    (client,) = blocks("python")
    names = {}
    exec(client.replace("localhost:8501", f"localhost:{port}"), names)
    assert names["stylized"] == paint(np.array(names["image"], np.uint8)).tolist()
    with Image.open("painted.jpg") as painted, Image.open("photo.jpg") as stored:
        assert (painted.format, painted.size) == ("JPEG", (47, 33))
        far = np.abs(np.asarray(painted, np.float32) - paint(np.asarray(stored)))
    assert far.mean() < 12  # TensorFlow and Pillow decode JPEG differently, and the result is another JPEG.
