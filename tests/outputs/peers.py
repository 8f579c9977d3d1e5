"""What the outputs' tests talk to: a real rsyslog, a real web server whose answers are scripted, certificates.

Everything listens on loopback, on ports that the system chooses, and ends with its `with` block.
"""
import contextlib
import http.server
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def certificates(folder):
    """ca.pem, and server.pem/.key, client.pem/.key signed by it; other-ca.pem that signed nothing."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)

    for name in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "names", "-out", f"{name}.pem")


class Rsyslog:
    """rsyslogd as a plain process; every message it takes is a line of `lines()`: JSON with its parts."""

    TEMPLATE = ('template(name="parts" type="list") { property(name="jsonmesg") constant(value="\\n") }\n'
                'action(type="omfile" file="%s" template="parts")\n')

    def __init__(self, folder, tls=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.udp_port, self.socket = free_port(), free_port(), str(self.folder / "log.socket")
        self.stock_socket = str(self.folder / "stock.socket")  # as rsyslog is installed: no parser of its own
        self.received = self.folder / "received.jsonl"
        stream = ('StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"' if tls else "")
        driver = ('global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{0}/ca.pem" '
                  'DefaultNetstreamDriverCertFile="{0}/server.pem" DefaultNetstreamDriverKeyFile="{0}/server.key")\n'
                  .format(self.folder.parent) if tls else "")
        self.conf = self.folder / "rsyslog.conf"
        self.conf.write_text(
            f'global(workDirectory="{self.folder}" maxMessageSize="64k")\nmain_queue(queue.type="Direct")\n{driver}'
            f'module(load="imtcp" {stream})\ninput(type="imtcp" port="{self.port}" address="127.0.0.1")\n'
            f'module(load="imudp")\ninput(type="imudp" port="{self.udp_port}" address="127.0.0.1")\n'
            f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" socket="{self.socket}" '
            f'useSpecialParser="off" parseHostname="on")\n'
            f'input(type="imuxsock" socket="{self.stock_socket}")\n' + self.TEMPLATE % self.received)
        self.process = None

    def start(self):
        for path in (self.socket, self.stock_socket):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", self.conf, "-i", self.folder / "pid"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        if not wait_for(lambda: listens() and os.path.exists(self.socket) and os.path.exists(self.stock_socket)):
            raise RuntimeError("rsyslogd does not listen")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()

    def lines(self):
        if not self.received.exists():
            return []
        return [json.loads(line) for line in self.received.read_text(errors="replace").splitlines() if line.endswith("}")]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()


class Server(http.server.ThreadingHTTPServer):
    """Takes POSTs. `script` is a list of answers, one for each request to come; after its end every answer is 200.

    An answer: a status; (status, headers); (status, headers, body); "hang", "reset", "slow", "cut", "drop" (reads nothing, closes).
    """
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script=(), context=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.script, self.requests, self.lock, self.ending = list(script), [], threading.Lock(), threading.Event()
        self.connections, self.tunnels = set(), []
        self.port = self.server_address[1]
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}/hook"

    def alerts(self):
        """Those of requests that were answered with success, one dictionary each."""
        with self.lock:
            bodies = [json.loads(r["body"]) for r in self.requests if r["answer"] in (200, "slow")]
        return [alert for body in bodies for alert in (body if isinstance(body, list) else [body])]

    def handle_error(self, *_):
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.shutdown()
        self.server_close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def server_context(folder, client_certificate=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if client_certificate:
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections.add(self.connection)

    def log_message(self, *_):
        pass

    def do_POST(self):
        server = self.server
        with server.lock:
            answer = server.script.pop(0) if server.script else 200
            if callable(answer):
                server.script.insert(0, answer)
        body = self.rfile.read(int(self.headers["Content-Length"])) if answer != "drop" else b"{}"
        if callable(answer):
            answer = answer(body)
        with server.lock:
            server.requests.append({"time": time.monotonic(), "path": self.path, "headers": dict(self.headers), "body": body,
                                    "answer": answer})
        self.answer(answer)

    def do_CONNECT(self):
        """As a proxy does: bytes to and fro."""
        self.server.tunnels.append(self.path)
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: far, far: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)

    def answer(self, answer):
        if answer == "hang":
            self.server.ending.wait(60)
            self.close_connection = True
        elif answer in ("reset", "drop"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif answer == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
        elif answer == "slow":
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.02)
        else:
            status, headers, *body = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            text = body[0] if body else f"this is {status}\n".encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)


@contextlib.contextmanager
def small_disk(folder, size):
    """A tmpfs of `size`, or nothing when this process may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if done.returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def have(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
