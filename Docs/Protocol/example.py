#!/usr/bin/env python3
"""An agent in Python's standard library: asks for an action, waits, and reads the result.

usage: example.py IDENTITY-FOLDER ACTION PARAMETERS-JSON

The folder is what `claw init` or `claw identity connect` writes. Nothing of the project's code is used:
frames and protobuf (frame.proto, governance.proto), Ed25519 (RFC 8032) and the proofs (Records.md,
Notes.md) are written out below. The Ed25519 here is plain and slow, and its time depends on the key:
for signing in production take a library.

exit codes: 0 completed, 1 a fault or a false answer, 3 denied, 5 no such action, 6 no node, 7 failed
"""

import base64
import hashlib
import json
import secrets
import socket
import ssl
import struct
import sys
import time

# Ed25519, RFC 8032 section 5.1, in extended coordinates (x, y, z, t).

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, d - c, d + c, f + e
    return (w * x % P, y * z % P, x * y % P, w * z % P)


def multiply(scalar, point):
    out = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point, scalar = add(point, point), scalar >> 1
    return out


def compress(point):
    x, y = (value * pow(point[2], P - 2, P) % P for value in point[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def sha512(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:], compress(multiply(scalar, BASE))


def sign(seed, message):
    scalar, prefix, public = expand(seed)
    r = sha512(prefix + message) % L
    commitment = compress(multiply(r, BASE))
    s = (r + sha512(commitment + public + message) * scalar) % L
    return commitment + s.to_bytes(32, "little")


def verifies(public, signature, message):
    s = int.from_bytes(signature[32:64], "little")
    challenge = sha512(signature[:32] + public + message) % L
    right = add(decompress(signature[:32]), multiply(challenge, decompress(public)))
    return s < L and compress(multiply(s, BASE)) == compress(right)


# Protobuf: fields of type varint (int) and of type length-delimited (bytes, str).

def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def encode(*fields):
    out = b""
    for number, value in fields:
        value = value.encode() if isinstance(value, str) else value
        whole = isinstance(value, int)
        out += varint(number << 3 | (0 if whole else 2))
        out += varint(value) if whole else varint(len(value)) + value
    return out


def decode(data):
    fields, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        tag, value = read(), read()
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        elif tag & 7 != 0:
            raise ValueError("a field of another type")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def field(message, number, default=b""):
    return message.get(number, [default])[-1]


# Calls: one flag byte, four bytes of length, a Frame.

class Node:
    def __init__(self, folder, client, node):
        authority = f"{folder}/{node['authority']}"
        der = ssl.PEM_cert_to_DER_cert(open(authority).read())
        if hashlib.sha256(der).hexdigest() != node["pin"]:
            raise ValueError(f"{authority} is not the authority that is pinned for {node['name']}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # nodes are named by SPIFFE id, which is checked below
        context.load_verify_locations(authority)
        context.load_cert_chain(f"{folder}/{client['certificate']}", f"{folder}/{client['key']}")
        host, port = node["address"].rsplit(":", 1)
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout=3)
        self.socket = context.wrap_socket(plain)
        names = [name for kind, name in self.socket.getpeercert()["subjectAltName"] if kind == "URI"]
        if names != [f"spiffe://{client['trust_domain']}/node/{node['name']}"]:
            raise ValueError(f"expected {node['name']}, came {names}")
        self.reader = self.socket.makefile("rb")
        self.last = 0

    def send(self, frame):
        self.socket.sendall(struct.pack(">BI", 0, len(frame)) + frame)

    def stream(self, method, payload, seconds):
        """Yields the items of a call and at last its response's payload."""
        self.last += 1
        self.socket.settimeout(seconds)
        request = encode((1, "/openexec.v1." + method), (2, seconds * 10**9), (3, payload))
        self.send(encode((1, self.last), (2, request)))
        while True:
            flag, length = struct.unpack(">BI", self.reader.read(5).ljust(5, b"\1"))
            if flag or length > 4 << 20:
                raise OSError("the node closed the connection, or sent what is no frame")
            frame = decode(self.reader.read(length))
            if 6 in frame:
                self.send(encode((7, field(frame, 6))))
            elif 4 in frame:
                yield field(decode(field(frame, 4)), 1)
            elif 3 in frame:
                response = decode(field(frame, 3))
                if field(response, 1, 0):
                    raise RuntimeError(field(response, 2).decode())
                yield field(response, 3)
                return

    def call(self, method, payload=b"", seconds=60):
        return list(self.stream(method, payload, seconds))[-1]


# Records, statements and proofs.

def canonical(value):
    """RFC 8785, for what this program signs: no floating point numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def verify_note(text, cluster, group_key):
    """Checks a signed note and returns its size and root."""
    body, _, signatures = text.rpartition("\n\n")
    body += "\n"
    name = f"openexec/{cluster}"
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + group_key).digest()[:4]
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob)
        if signer == name and blob[:4] == key_id and verifies(group_key, blob[4:], body.encode()):
            lines = body.splitlines()
            return int(lines[1]), base64.b64decode(lines[2])
    raise ValueError("the note is not signed by the cluster's key")


def verify_proof(text, cluster, group_key):
    """Checks a C2SP tlog-proof and returns its leaf (RFC 9162 section 2.1.3.2)."""
    head, _, note = text.partition("\n\n")
    lines = head.splitlines()
    leaf, index = base64.b64decode(lines[1][6:]), int(lines[2][6:])
    size, root = verify_note(note, cluster, group_key)
    node, left, last = hashlib.sha256(b"\0" + leaf).digest(), index, size - 1
    for line in lines[3:]:
        sibling = base64.b64decode(line)
        if left & 1 or left == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not left & 1 and left:
                left, last = left >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        left, last = left >> 1, last >> 1
    if index >= size or last or node != root:
        raise ValueError("the leaf is not in the tree that the parties signed")
    return json.loads(leaf)


def connect(folder, client):
    """A node that answers, and the cluster's id and key, on which `threshold` nodes must agree."""
    said = {}
    for node in client["nodes"]:
        try:
            last = Node(folder, client, node)
            answer = decode(last.call("Ledger/Checkpoint", seconds=5))
        except (OSError, RuntimeError):
            continue  # another node will do
        who = (field(answer, 2).decode(), field(answer, 3).decode())
        said[who] = said.get(who, 0) + 1
        if said[who] >= client["threshold"]:
            return last, who[0], bytes.fromhex(who[1])
    sys.exit(6)


def main(folder, action, parameters):
    client = json.load(open(f"{folder}/client.json"))
    seed = bytes.fromhex(open(f"{folder}/{client['signing_key']}").read().strip())
    node, cluster, group_key = connect(folder, client)
    actions = map(json.loads, decode(node.call("Governance/ListActions")).get(3, []))
    registered = next((entry for entry in actions if entry["name"] == action), None)
    if registered is None:
        return 5
    no_floats = lambda text: sys.exit(f"{text}: numbers that are not whole travel as strings here")
    value, salt = json.loads(parameters, parse_float=no_floats), secrets.token_bytes(32)
    valid_until = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(time.time() + 3600))
    content = {
        "trace_id": secrets.token_hex(16), "request_id": secrets.token_hex(16),
        "tenant_id": client["principal"].split("/")[1], "workspace_id": "main",
        "requested_by": client["principal"], "action": action, "scopes": registered["scopes"],
        "parameters_hash": hashlib.sha256(salt + canonical(value)).hexdigest(),
        "risk_context": registered["risk"], "inputs": [], "depth": 0, "valid_until": valid_until,
    }
    signature = sign(seed, f"openexec/v1/proposal\n{cluster}\n".encode() + canonical(content))
    signature = {
        "by": client["principal"], "public_key_id": expand(seed)[2].hex(),
        "signature": base64.b64encode(signature).decode(), "signature_algorithm": "ed25519",
    }
    statement = canonical({"content": content, "signatures": [signature]})
    attachment = canonical({"parameters": {"salt": salt.hex(), "value": value}})
    outcome = decode(node.call("Governance/Submit", encode((1, statement), (2, attachment))))
    print(f"request {content['request_id']}: {field(outcome, 1).decode()}", file=sys.stderr)
    # One item for each change, until nothing more will happen; at the end an empty payload.
    for item in filter(None, node.stream("Governance/Watch", encode((3, field(outcome, 2, 0))), 3600)):
        outcome = decode(item)
    decision = verify_proof(field(outcome, 7).decode(), cluster, group_key)
    if any(decision[name] != content[name] for name in ("request_id", "parameters_hash")):
        raise ValueError("the decision is about another request")
    if not field(outcome, 8):
        status, rationale = field(outcome, 1).decode(), decision["rationale"]
        print(rationale if rationale.startswith(status) else f"{status}: {rationale}", file=sys.stderr)
        return 3 if decision["decision_type"] == "deny" else 7
    receipt = verify_proof(field(outcome, 8).decode(), cluster, group_key)["content"]
    result = json.loads(field(outcome, 9))["result"]
    salted = hashlib.sha256(bytes.fromhex(result["salt"]) + canonical(result["value"])).hexdigest()
    if (receipt["decision_id"], receipt["result_hash"]) != (decision["decision_id"], salted):
        raise ValueError("the result is not the one that the receipt is for")
    print(canonical(result["value"]).decode())
    return 0 if receipt["status"] == "succeeded" else 7


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 4 else __doc__)
    except (OSError, ValueError, KeyError, RuntimeError) as reason:
        sys.exit(f"example.py: {reason if str(reason) else type(reason).__name__}")
