"""curl and wrk: many requests on kept connections, a body in chunks, and one of eight megabytes in each direction."""

import http.server
import re
import threading

from mesh_support import mesh, output, program
from support import folder, payload

SIZE = 8 << 20


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in [b"hello, ", b"world!\n"]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def run():
    curl = program("curl")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with mesh(server.server_port) as (_, local), folder() as path:
        place = f"http://127.0.0.1:{local}/"
        assert output(curl, "-sf", place) == "hello, world!\n"
        sent = payload(SIZE)
        with open(path + "/body", "wb") as file:
            file.write(sent)
        output(curl, "-sf", "--http1.1", "-T", path + "/body", "-o", path + "/answer", place)
        with open(path + "/answer", "rb") as file:
            assert file.read() == sent
        wrk = output(program("wrk"), "-t1", "-c8", "-d1s", place)
        assert "Socket errors" not in wrk and "Non-2xx" not in wrk, wrk
        assert int(re.search(r"(\d+) requests in", wrk).group(1)) > 50, wrk
    server.shutdown()
