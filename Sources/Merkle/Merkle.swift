// Module Merkle: begun, see Docs/Status.md.
