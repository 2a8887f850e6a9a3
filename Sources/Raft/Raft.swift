// Module Raft: begun, see Docs/Status.md.
