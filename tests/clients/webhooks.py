"""Takes webhooks, and checks each by a stock library of Standard Webhooks: the secret is the argument. Prints its port, then the
type of each message, and what the library says when a byte is another one."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

stock = Webhook(sys.argv[1])


class Target(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = stock.verify(body, headers)
        try:
            stock.verify(body.replace("hero", "zero"), headers)
            forged = "taken"
        except WebhookVerificationError:
            forged = "refused"
        print(told["type"], told["data"]["experiment"], forged, flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Target) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
