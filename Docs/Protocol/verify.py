#!/usr/bin/env python3
"""Audits an exported ledger offline, with hashlib and `cryptography` and none of the project's code.

usage: verify.py EXPORT [--cluster ID]

Rebuilds the tree from the records and checks:
- the genesis is the leaf whose hash is the cluster id (give --cluster, or the file is believed), and every
  party signed it;
- every note is signed by the group key that signs its size and its root is the tree's; no size has two states;
  the last note covers every record;
- the group key is the genesis's, until a key record of parties that two operators named, approved by each of them;
  the key before signs the size that ends in that record, and the new one alone what is above; or until a recovery
  record by which as many operators as signed for the parties take the ledger from what the key before signed last
  to a key that its parties approved: it is said, since nothing but the operators' word stands for that step;
- every attachment that was not erased has the salted hash that its record holds;
- every approval is about a proposal that its agent signed, and the people it names voted for it (ballots
  and enrolments count only with the signatures that they need: of the voter, of two operators);
- every artifact is signed by its owner;
- every receipt is signed by its executor's enrolled key, for the token of its decision, and the note in it
  consents to that decision; it ran on the inputs that were proposed, and the artifact that it names is there.
Decisions and receipts that are not what they should be are void, as they are for the nodes: they are listed,
and it is wrong only if the parties consented to one.
It does not evaluate the policy again: that the decisions follow from it is the nodes' to agree on.

exit codes: 0 all of it holds, 1 it does not (the first record that is wrong is named), 2 usage
"""

import base64
import binascii
import datetime
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ATTACHED = {  # what travels beside a record, and the field of its content that holds the salted hash
    "proposal": {"parameters": "parameters_hash"},
    "ballot": {"reason": "reason_hash"},
    "receipt": {"result": "result_hash", "egress": "egress_hash"},
    "incident": {"reason": "reason_hash"},
    "policy": {"bundle": "bundle_hash"},
    "genesis": {"bundle": "bundle_hash", "signatures": None},
}


class Wrong(Exception):
    """The first thing that does not hold."""


class Void(Exception):
    """Why a leaf says nothing: a lying leader can append such a leaf, and nobody acts on it."""


def sha256(data):
    return hashlib.sha256(data).digest()


def verifies(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def unbase64(text, where):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise Wrong(f"{where}: expected base64")
    return data


def utf8(data, where):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Wrong(f"{where}: expected UTF-8") from None


def members(text):
    """The members of a JSON object as (name, raw text of the value): what was hashed or signed is taken
    byte for byte, never written anew."""
    decoder, found, at = json.JSONDecoder(), [], 1
    while text[at - 1 : at] in ("{", ",") and text[at : at + 1] == '"':
        name, at = decoder.raw_decode(text, at)
        if text[at] != ":":
            raise ValueError("expected a colon")
        _, end = decoder.raw_decode(text, at + 1)
        found.append((name, text[at + 1 : end]))
        at = end + 1
    if text != "{}" and (not found or at != len(text) or not text.endswith("}")):
        raise ValueError("expected one object without spaces")
    return dict(found)


def in_force(leaf):
    """Whether a leaf stands within its statement's validity, which is a day at most."""
    at, until = leaf.record["at"], leaf.content["valid_until"]
    try:
        end = (datetime.datetime.fromisoformat(at[:19]) + datetime.timedelta(days=1)).isoformat() + at[19:]
    except OverflowError:
        end = until
    return at < until <= end


class Leaf:
    def __init__(self, index, line, number):
        parts = line.split(" ")
        if len(parts) != 4 or parts[0] != "leaf" or len(parts[1]) != 64:
            raise Wrong(f"line {number}: expected leaf {index}: hash, record and attachment")
        self.index, self.where = index, f"leaf {index}"
        self.listed = parts[1]
        self.bytes = unbase64(parts[2], self.where)
        self.attachment = b"" if parts[3] == "-" else unbase64(parts[3], self.where)
        self.hash = sha256(b"\0" + self.bytes)

    def read(self):
        """Reads the record and its attachment, once the tree has vouched for the record's bytes."""
        try:
            self.raw = members(self.bytes.decode())
            self.record = json.loads(self.bytes)
            self.type = self.record["type"]
            self.content = self.record.get("content", self.record)
            self.attached = members(self.attachment.decode()) if self.attachment else {}
        except (ValueError, KeyError, IndexError, TypeError) as reason:
            raise Wrong(f"{self.where}: not a record: {reason!r}") from None
        expected = ATTACHED.get(self.type, {}) if "derived" not in self.record else {}
        # A run that could reach nothing has no connections to tell of.
        expected = {name: field for name, field in expected.items() if name != "egress" or field in self.content}
        if self.attachment and set(self.attached) != set(expected):
            raise Wrong(f"{self.where}: the attachment is not the one of a {self.type}")
        for name, text in self.attached.items():
            try:
                self.check_attached(name, text, expected[name])
            except (KeyError, ValueError, TypeError) as reason:
                raise Wrong(f"{self.where}: no attachment as it should be: {reason!r}") from None

    def check_attached(self, name, text, field):
        item = members(text)
        salt = bytes.fromhex(json.loads(item["salt"]))
        if set(item) != {"salt", "value"} or item["salt"] != f'"{salt.hex()}"':
            raise Wrong(f"{self.where}: the attachment's {name} is not a salt and a value")
        # What signs the record itself stands in no field of it, and has no salt to speak of.
        right = self.content[field] if field else sha256(bytes(16) + item["value"].encode()).hex()
        if sha256(salt + item["value"].encode()).hex() != right:
            raise Wrong(f"{self.where}: the attachment's {name} is not what the record holds the hash of")

    def signers(self, cluster):
        """Who signed the statement, as (principal, key, whether the signature verifies)."""
        message = f"openexec/v1/{self.type}\n{cluster}\n{self.raw['content']}".encode()
        return [
            (line["by"], line["public_key_id"],
             verifies(line["public_key_id"], unbase64(line["signature"], self.where), message))
            for line in self.record["signatures"]
        ]


class Note:
    def __init__(self, text, cluster, key_signing, where):
        """Checks the signature of the group key that signs its size (C2SP signed-note, key type 1) and reads the
        lines."""
        body, separator, lines = text.rpartition("\n\n")
        body += "\n"
        size = body.split("\n")[1:2]
        if not size or not size[0].isdigit():
            raise Wrong(f"{where}: not a checkpoint")
        group_key = key_signing(int(size[0]))
        name = f"openexec/{cluster}"
        key_id = sha256(name.encode() + b"\n\1" + bytes.fromhex(group_key))[:4]
        parts = lines.rstrip("\n").split(" ")
        blob = unbase64(parts[2], where) if len(parts) == 3 else b""
        if (
            not separator or lines != f"\u2014 {name} {parts[-1]}\n" or blob[:4] != key_id
            or not verifies(group_key, blob[4:], body.encode())
        ):
            raise Wrong(f"{where}: not signed by the group key")
        head = body.splitlines()
        if head[0] != name or not head[3].startswith("state ") or not head[4].startswith("time "):
            raise Wrong(f"{where}: not a checkpoint of this cluster")
        self.size, self.root = int(head[1]), unbase64(head[2], where)
        self.state, self.time = head[3][6:], head[4][5:]
        self.first, self.last, self.exceptions = 0, -1, ()
        for line in head[5:]:
            if line.startswith("consent "):
                words = line.split(" ")
                self.first, self.last = map(int, words[1].split("-"))
                self.exceptions = tuple(map(int, words[3].split(","))) if len(words) == 4 else ()
                if not 0 <= self.first <= self.last < self.size:
                    raise Wrong(f"{where}: consents to leaves beyond its size")

    def consents(self, index):
        return self.first <= index <= self.last and index not in self.exceptions


class Tree:
    """RFC 6962, growing: the roots of the complete subtrees, largest first."""

    def __init__(self):
        self.size, self.nodes = 0, []

    def append(self, leaf_hash):
        node, size = leaf_hash, self.size
        while size & 1:
            node, size = sha256(b"\1" + self.nodes.pop() + node), size >> 1
        self.nodes.append(node)
        self.size += 1

    def root(self):
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = sha256(b"\1" + node + root)
        return root


class Audit:
    def __init__(self, path, trusted):
        with open(path, encoding="utf-8", newline="\n") as file:
            lines = file.read().split("\n")
        if lines[0] != "openexec-export-v1" or lines[-1] != "" or len(lines) < 4:
            raise Wrong("expected an export: openexec-export-v1, to a newline at the end")
        self.cluster = lines[1].removeprefix("cluster ")
        if trusted not in (None, self.cluster):
            raise Wrong(f"line 2: expected cluster {trusted}, found {self.cluster}")
        size = lines[2].removeprefix("size ")
        if not size.isdigit() or int(size) < 1 or len(lines) < int(size) + 4:
            raise Wrong("line 3: expected size and as many leaves")
        count = int(size)
        self.leaves = [Leaf(index, lines[index + 3], index + 4) for index in range(count)]
        self.note_lines = [(number + 1, lines[number]) for number in range(count + 3, len(lines) - 1)]
        self.enrolled, self.proposed, self.votes, self.approvals, self.receipts = {}, {}, {}, {}, 0
        self.artifacts, self.void, self.named = set(), [], {}
        self.taken = {}  # ids of the enrolments that counted, and until when they are valid
        self.keys = []  # (first size, key), ascending
        self.continued = []  # leaves by which operators took the ledger to another key

    def run(self):
        genesis = self.leaves[0]
        if genesis.hash.hex() != self.cluster:
            raise Wrong("leaf 0: the genesis is not the one whose hash is the cluster id")
        genesis.read()
        self.group_key = genesis.record.get("group_key")
        if not isinstance(self.group_key, str) or not re.fullmatch("[0-9a-f]{64}", self.group_key):
            raise Wrong("leaf 0: not a genesis as it should be: expected group_key, 64 hexadecimal characters")
        self.keys = [(0, self.group_key)]
        self.follow_keys()
        self.check_notes()
        for leaf in self.leaves:
            leaf.read()
        try:
            self.check_genesis(genesis)
        except (KeyError, ValueError, TypeError) as reason:
            raise Wrong(f"leaf 0: not a genesis as it should be: {reason!r}") from None
        checks = {
            "enrol": self.check_enrolment, "proposal": self.check_proposal, "ballot": self.check_ballot,
            "decision": self.check_decision, "receipt": self.check_receipt,
            "artifact": self.check_artifact,
            "members": self.check_members, "key": self.check_key, "recovery": self.check_recovery,
        }
        for leaf in self.leaves[1:]:
            try:
                checks.get(leaf.type, lambda _: None)(leaf)
            except Void as reason:
                if leaf.type == "decision" and self.consented[leaf.index]:
                    raise Wrong(f"{leaf.where}: the parties consented, though it {reason}") from None
                self.void.append(f"{leaf.where}: {reason}")
            except (KeyError, IndexError, ValueError, TypeError) as reason:
                raise Wrong(f"{leaf.where}: not a {leaf.type} as it should be: {reason!r}") from None

    def key_signing(self, size):
        """The group key that signs notes of a size."""
        return [key for first, key in self.keys if first <= size][-1]

    def follow_keys(self):
        """A key record counts where the key before it signed the size that ends in it; a recovery that brings one,
        where the key before it signed what its operators say to stand. Who they are is checked with the records."""
        for leaf in self.leaves:
            continues = leaf.bytes.endswith(b'"type":"recovery"}')
            if not continues and not leaf.bytes.endswith(b'"type":"key"}'):
                continue
            try:
                content = json.loads(leaf.bytes)["content"]
                key = content["key"]["group_key"] if continues else content["group_key"]
            except (ValueError, KeyError, TypeError):
                continue
            size, current = leaf.index if continues else leaf.index + 1, self.keys[-1][1]
            for number, line in self.note_lines:
                if not line.startswith("note "):
                    raise Wrong(f"line {number}: expected a note")
                text = utf8(unbase64(line[5:], f"line {number}"), f"note on line {number}")
                if not text.startswith(f"openexec/{self.cluster}\n{size}\n"):
                    continue
                try:
                    note = Note(text, self.cluster, lambda _: current, f"note on line {number}")
                except Wrong:
                    continue
                if continues and not self.stands(content, note, size):
                    continue
                self.keys.append((size + 1, key))
                break

    def stands(self, content, note, size):
        """Whether a note is of what operators say to stand."""
        return (
            content.get("size") == size and content.get("root") == note.root.hex()
            and content.get("state_root") == base64.b64decode(note.state).hex()
        )

    def check_recovery(self, leaf):
        """A recovery without a key says what stands to who halted. One that brings a key is the only thing that
        certifies it: as many operators as signed for the parties, and the approval of each new party."""
        key = leaf.content.get("key")
        if key is None:
            if self.operators(leaf) < max(2, self.threshold):
                raise Void("a recovery without the signatures of enough operators")
            return
        if not any(first == leaf.index + 1 and known == key["group_key"] for first, known in self.keys):
            raise Void("brings a key, and what it says to stand is not what the key before it signed")
        counted, signers = self.operators(leaf), [key for _, key, _ in leaf.signers(self.cluster)]
        if counted != max(2, self.threshold) or len(signers) != counted or signers != sorted(signers):
            raise Wrong(f"{leaf.where}: a key that {counted} operators took the ledger to, by {len(signers)} signatures")
        if sha256(leaf.raw["approvals"].encode()).hex() != leaf.content["approvals_hash"]:
            raise Wrong(f"{leaf.where}: other approvals than those whose hash the operators signed")
        if leaf.content["continued_at"] != leaf.record["at"] or not in_force(leaf):
            raise Wrong(f"{leaf.where}: a key that operators took the ledger to at another time")
        self.check_approvals(leaf, key, members(leaf.raw["content"])["key"])
        self.continued.append(leaf.index)

    def check_members(self, leaf):
        """Who the parties are to be counts when two distinct operators have signed it."""
        if "derived" not in leaf.record and self.operators(leaf) >= 2:
            self.named[leaf.index] = leaf.content

    def check_key(self, leaf):
        """A key that signs was made by the parties of an act, and each of them approved it."""
        if not any(first == leaf.index + 2 for first, _ in self.keys):
            raise Void("is a key that the one before it did not certify")
        content, act = leaf.content, self.named.get(leaf.content["cause"])
        same = act and act["threshold"] == content["threshold"] and [
            (party["id"], party["key"]) for party in act["parties"]
        ] == [(party["id"], party["key"]) for party in content["parties"]]
        if not same:
            raise Wrong(f"{leaf.where}: a key for parties that no two operators named")
        self.check_approvals(leaf, content, leaf.raw["content"])

    def check_approvals(self, leaf, content, raw):
        """Every party of a key has approved it; from here on they are the parties."""
        message = f"openexec/v1/key\n{self.cluster}\n{raw}".encode()
        approvals = {line["party"]: line["signature"] for line in leaf.record["approvals"]}
        for party in content["parties"]:
            signature = unbase64(approvals.get(party["id"], ""), leaf.where)
            if not verifies(party["key"], signature, message):
                raise Wrong(f"{leaf.where}: not approved by party {party['id']}, {party['name']}")
        self.parties, self.threshold = content["parties"], content["threshold"]

    def check_notes(self):
        self.notes = []
        for number, line in self.note_lines:
            if not line.startswith("note "):
                raise Wrong(f"line {number}: expected a note")
            text = utf8(unbase64(line[5:], f"line {number}"), f"note on line {number}")
            self.notes.append(Note(text, self.cluster, self.key_signing, f"note on line {number}"))
        self.notes.sort(key=lambda note: (note.size, note.time))
        # A record that does not have its listed hash was changed, or the hash was: that line is wrong.
        for leaf in self.leaves:
            if leaf.hash.hex() != leaf.listed:
                raise Wrong(f"{leaf.where}: the record is not the one whose hash is listed")
        tree, states, good = Tree(), {}, 0
        for note in self.notes:
            if note.size > len(self.leaves):
                raise Wrong(f"note of size {note.size}: the export has {len(self.leaves)} leaves")
            while tree.size < note.size:
                tree.append(self.leaves[tree.size].hash)
            if tree.root() != note.root:
                raise Wrong(f"leaf {good}: it, or one up to leaf {note.size - 1}, is not what the parties signed")
            if states.setdefault(note.size, note.state) != note.state:
                raise Wrong(f"note of size {note.size}: two states of one size, both signed")
            good = note.size
        if good != len(self.leaves):
            raise Wrong(f"leaf {good}: covered by no note")
        self.consented = bytearray(len(self.leaves))
        for note in self.notes:
            kept = [(index, self.consented[index]) for index in note.exceptions]
            span = max(0, note.last + 1 - note.first)
            self.consented[note.first : note.last + 1] = b"\1" * span
            for index, before in kept:
                self.consented[index] = before

    def check_genesis(self, leaf):
        self.parties = leaf.record["parties"]
        self.threshold = leaf.record["threshold"]
        if not leaf.attachment:
            raise Wrong("leaf 0: the parties' signatures are missing")
        given = {
            line["party"]: line["signature"]
            for line in json.loads(leaf.attachment)["signatures"]["value"]
        }
        for party in self.parties:
            signature = unbase64(given.get(party["id"], ""), leaf.where)
            if not verifies(party["key"], signature, f"openexec/v1/genesis\n{self.cluster}".encode()):
                raise Wrong(f"leaf 0: not signed by party {party['id']}, {party['name']}")
        for enrolment in leaf.record["enrolments"]:
            self.enrolled[enrolment["principal"]] = enrolment

    def enrolment(self, principal, leaf):
        """Who someone is at a leaf; nothing once the enrolment has ended."""
        found = self.enrolled.get(principal)
        return found if found and found["expires_at"] > leaf.record["at"] else None

    def signer(self, leaf, principal):
        """The enrolment of the one principal whose enrolled keys signed; nothing where it is otherwise."""
        known = self.enrolment(principal, leaf)
        keys = known and (known["key"], known.get("second_key"))
        signers = leaf.signers(self.cluster)
        right = known and signers and all(
            by == principal and key in keys and verified for by, key, verified in signers
        )
        return known if right else None

    def operators(self, leaf):
        """How many distinct people signed an act as enrolled operators."""
        owners = set()
        for principal, key, verified in leaf.signers(self.cluster):
            known = self.enrolment(principal, leaf)
            if verified and principal.startswith("operator/") and known and known["key"] == key:
                owners.add(known["owner"])
        return len(owners)

    def check_enrolment(self, leaf):
        """An enrolment counts when two distinct operators have signed it, in its time and once; else it enrols
        nobody. Who was revoked does not come back with the act that enrolled them."""
        act, until = leaf.content["act_id"], leaf.content["valid_until"]
        if self.operators(leaf) < 2 or not in_force(leaf) or self.taken.get(act, "") > leaf.record["at"]:
            return
        self.taken[act] = until
        if "enrol" in leaf.content:
            self.enrolled[leaf.content["enrol"]["principal"]] = leaf.content["enrol"]
        else:
            self.enrolled.pop(leaf.content["revoke"], None)

    def check_proposal(self, leaf):
        """A proposal counts when its enrolled agent has signed it."""
        known = self.signer(leaf, leaf.content["requested_by"])
        if known:
            self.proposed[leaf.index] = known["owner"]

    def check_ballot(self, leaf):
        """A ballot counts when its enrolled voter has signed it."""
        known = self.signer(leaf, leaf.content["voter"])
        if known and leaf.content["vote"] == "approve" and leaf.content["role"] in known["roles"]:
            votes = self.votes.setdefault(leaf.content["proposal"], {})
            votes[leaf.content["voter"]] = (known["owner"], leaf.content["parameters_hash"])

    def check_decision(self, leaf):
        decision = leaf.record
        proposal = self.leaves[decision["proposal"]]
        if proposal.index >= leaf.index or proposal.hash.hex() != decision["proposal_hash"]:
            raise Void("decides another proposal than it names")
        for name in ("request_id", "tenant_id", "requested_by", "action", "parameters_hash"):
            if proposal.content[name] != decision[name]:
                raise Void(f"{name} is not the proposal's")
        if decision["decision_type"] != "approve":
            return
        agent = decision["requested_by"]
        owner = self.proposed.get(proposal.index)
        if not owner:
            raise Void(f"approves proposal {proposal.index}, not signed by {agent}'s key")
        grant, people = decision["grant"], set()
        for person in grant["human_attestors"]:
            vote = self.votes.get(proposal.index, {}).get(person)
            if not vote or vote[1] != decision["parameters_hash"] or vote[0] == owner:
                raise Void(f"{person} did not vote for this, or may not")
            people.add(vote[0])
        if len(people) < grant["multi_sig_threshold"]:
            raise Void(f"approved by {len(people)} of {grant['multi_sig_threshold']} people")
        self.approvals[leaf.index] = bool(self.consented[leaf.index])

    def check_artifact(self, leaf):
        note = leaf.content
        if not self.signer(leaf, note["owner"]):
            raise Void(f"not signed by the enrolled key of {note['owner']}")
        self.artifacts.add((note["tenant_id"], note["workspace_id"], note["digest"]))

    def check_receipt(self, leaf):
        receipt = leaf.content
        if not self.signer(leaf, receipt["executor_id"]):
            raise Void(f"not signed by the enrolled key of {receipt['executor_id']}")
        decision = self.leaves[receipt["decision"]]
        grant = decision.record.get("grant") if decision.index < leaf.index else None
        if not grant or any(
            receipt[name] != source[name]
            for source, names in (
                (grant, ("token_id", "executor_id", "executor_incarnation")),
                (decision.record, ("decision_id", "request_id", "action", "parameters_hash")),
            )
            for name in names
        ):
            raise Void("the receipt's decision is not the one that granted its token")
        proposed = self.leaves[decision.record["proposal"]].content
        inputs = receipt.get("inputs", [])
        if inputs != proposed["inputs"] and (inputs or receipt["status"] == "succeeded"):
            raise Void("it names other inputs than were proposed")
        place = (receipt["tenant_id"], receipt["workspace_id"], receipt.get("result_artifact"))
        if place[2] is not None and place not in self.artifacts:
            raise Void("the artifact that it names is not in its workspace")
        self.receipts += 1
        if receipt["status"] == "refused":
            return
        note = Note(receipt["approval_note"], self.cluster, self.key_signing, f"{leaf.where}, its note")
        if not note.consents(decision.index):
            raise Wrong(f"{leaf.where}: its note does not consent to decision {decision.index}")


def main(arguments):
    trusted = None
    if len(arguments) == 3 and arguments[1] == "--cluster":
        trusted = arguments[2]
    elif len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        audit = Audit(arguments[0], trusted)
        audit.run()
    except (Wrong, OSError, UnicodeDecodeError) as reason:
        print(f"{arguments[0]}: {reason}", file=sys.stderr)
        return 1
    withheld = [index for index, consented in audit.approvals.items() if not consented]
    parties = f"{audit.threshold} of {len(audit.parties)} parties"
    print(f"verified: {len(audit.leaves)} records under {len(audit.notes)} notes of {parties}")
    print(f"cluster   {audit.cluster}{'' if trusted else ' (by the word of the file: give --cluster)'}")
    if len(audit.keys) > 1:
        but = f" but {len(audit.continued)}" if audit.continued else ""
        print(f"keys      {len(audit.keys)}, each certified by the one before it{but}")
    for index in audit.continued:
        print(f"continued leaf {index}: under another key, by the word of operators alone")
    print(f"approvals {len(audit.approvals)}, with the consent of the parties {len(audit.approvals) - len(withheld)}")
    print(f"receipts  {audit.receipts}, each by its executor, on a decision that the parties consented to")
    for line in audit.void:
        print(f"void      {line}")
    if withheld:
        print(f"withheld  {', '.join(map(str, withheld))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
