"""A real HTTP server on the loopback that misbehaves as real servers do."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"date,hour,type,1625A\r\n20250310,1,PM2.5,40\r\n"
ETAG = '"abc"'
MODIFIED = "Tue, 11 Mar 2025 01:30:00 GMT"

INDEX_HTML = """<html><body><a href="?C=M;O=A">Last modified</a><a href="../">Parent</a>
<a href="ok.csv">ok</a><a href="2025/">2025/</a><a href="notes.txt">n</a><a href="half.csv.part">h</a>
<a href="http://elsewhere.invalid/x.csv">x</a><a href="mailto:a@b">m</a></body></html>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.seen[path] += 1
        self.server.headers_seen.append(dict(self.headers))
        name = path.strip("/").rsplit("/", 1)[-1].split(".")[0] or "index"
        getattr(self, f"give_{name}", self.give_missing)()

    def give(self, status=200, body=BODY, length=None, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def give_missing(self):
        self.give(404, b"no such file")

    def give_index(self):
        self.give(body=INDEX_HTML.encode(), Content_Type="text/html")

    def give_2025(self):
        self.give(body=b'<a href="../">up</a><a href="plain.csv">p</a><a href="../../secret.csv">s</a>')

    def give_list(self):
        self.give(body=b"# exports\nok.csv\n\nsub/plain.csv\n")

    def give_json(self):
        self.give(body=b'{"files": [{"name": "ok.csv", "size": 3}, "plain.csv", {"other": 1}, 7]}')

    def give_ok(self):
        if self.headers.get("If-None-Match") == ETAG or self.headers.get("If-Modified-Since") == MODIFIED:
            self.give(304, b"")
        else:
            self.give(ETag=ETAG, Last_Modified=MODIFIED)

    def give_plain(self):
        self.give()

    def give_chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (BODY[:10], BODY[10:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def give_cutchunk(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"ff\r\n" + BODY)
        self.close_connection = True

    def give_busy(self):
        if self.server.seen["/busy.csv"] < 3:
            self.give(429, b"slow down", Retry_After="0")
        else:
            self.give()

    def give_forever(self):
        self.give(429, b"later", Retry_After="86400")

    def give_odd(self):
        self.give(503, b"later", Retry_After="soon")

    def give_flaky(self):
        if self.server.seen["/flaky.csv"] == 1:
            self.give(500, b"oops")
        else:
            self.give()

    def give_broken(self):
        self.give(500, b"oops")

    def give_silent(self):
        time.sleep(1.0)
        self.close_connection = True

    def give_trickle(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(30):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)
        self.close_connection = True

    def give_cut(self):
        self.give(length=len(BODY) + 100)
        self.close_connection = True

    def give_heals(self):
        short = self.server.seen["/heals.csv"] == 1
        self.give(body=BODY[:9] if short else BODY, length=len(BODY))
        self.close_connection = short

    def give_huge(self):
        self.give(body=b"", length=5 * 1024**3)
        self.close_connection = True

    def give_endless(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x" * 65536)
        self.close_connection = True

    def give_loop(self):
        self.give(302, b"", Location="/loop.csv")

    def give_moved(self):
        self.give(301, b"", Location="/plain.csv")

    def give_elsewhere(self):
        self.give(302, b"", Location=self.server.elsewhere)

    def give_outside(self):
        self.give(302, b"", Location="file:///etc/hostname")

    def give_packed(self):
        self.give(Content_Encoding="gzip")

    def give_nothing(self):
        self.give(204, b"", length="none")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = Counter()
        self.headers_seen = []
        self.elsewhere = ""

    def handle_error(self, request, client_address):
        """A client that hangs up early is what some tests are about."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()
