// Module Network: begun, see Docs/Status.md.
